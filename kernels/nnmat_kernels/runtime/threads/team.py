"""A team of threads for parallel kernels that never waits for a thread that has not begun.

A kernel cuts its work into pieces. Whoever is awake claims the next one, the caller like the others, until there are
none; then the caller waits only for pieces that another thread is at. On a machine with other busy programs a thread
that sleeps may be woken through a whole slice of time later (4 ms and more, a hundred kernels): the pools of OpenMP
wait for it, this team does its pieces. Who does which changes no bit.

    caller                                     worker
    publish the job: its pieces, end += n      while no piece is left:  spin for some 50 us, then sleep
    wake those who sleep
    claim pieces until there are none          claim pieces until there are none
    wait until all pieces are done

The pieces are dealt out in ranges, one for each thread that may take part, and everybody begins with its own: so from
kernel to kernel a thread finds in its cache what it has worked on before, such as its part of the parameters. When its
range is empty it takes from the others.

The pieces of a range are numbered over all jobs, so that a thread that comes late never takes one of another job for
its own: a claim raises the range's `next` from t to t + 1, which can only succeed while piece t of the present job is
not taken, and until it is done the job stays as it is. One job runs at a time; a caller that finds the team at work
does its pieces alone.

The threads are Python's, each for good inside machine code that holds no interpreter lock. They come with the first
job, end with the interpreter, and are not in a forked child, whose kernels run alone.
"""

import atexit
import ctypes
import platform
import sys
import threading

from llvmlite import binding

SPINS = 4000  # pauses of a worker before it sleeps, and of a caller before it lets others run: about 50 us

# The states are words of 64 bits, each on a cache line (of two, which are fetched together) of its own.
_TEAM_CODE = """
@alone = global i64 0

@end = global i64 0, align 128       ; pieces of all jobs up to the present one
@claimed = global i64 0, align 128   ; how many are claimed, or fewer for a moment
@done = global i64 0, align 128      ; how many are done
@busy = global i64 0, align 128      ; whether there is a job
@stop = global i64 0, align 128
@piece = global ptr null, align 128  ; what runs the pieces of the present job:
@arrays = global ptr null
@sizes = global ptr null
@steps = global ptr null
@data = global ptr null
@inner = global i64 0
@count = global i64 0
@threads = global i64 0              ; how many may take part
@ranges = global i64 0               ; of how many ranges it is
@dealt = global ptr null             ; for each range 16 words: next, end, and what is taken off to have the piece
@sleepers = global ptr null, align 128  ; for each worker 16 words: whether it sleeps, and 8 further its semaphore

declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

define internal void @pause() alwaysinline {
  call void asm sideeffect "{pause}", ""()
  ret void
}

define internal void @run(i64 %t) {
  %piece = load ptr, ptr @piece
  %arrays = load ptr, ptr @arrays
  %sizes = load ptr, ptr @sizes
  %steps = load ptr, ptr @steps
  %data = load ptr, ptr @data
  %inner = load i64, ptr @inner
  %count = load i64, ptr @count
  %dimensions = add i64 %inner, 1
  %bytes = mul i64 %dimensions, 8
  %own_sizes = alloca i64, i64 %dimensions
  call void @llvm.memcpy.p0.p0.i64(ptr %own_sizes, ptr %sizes, i64 %bytes, i1 0)
  store i64 1, ptr %own_sizes
  %own_arrays = alloca ptr, i64 %count
  br label %loop
loop:
  %j = phi i64 [0, %0], [%after, %body]
  %more = icmp ult i64 %j, %count
  br i1 %more, label %body, label %call
body:
  %from = getelementptr ptr, ptr %arrays, i64 %j
  %array = load ptr, ptr %from
  %by = getelementptr i64, ptr %steps, i64 %j
  %step = load i64, ptr %by
  %offset = mul i64 %step, %t
  %place = getelementptr i8, ptr %array, i64 %offset
  %to = getelementptr ptr, ptr %own_arrays, i64 %j
  store ptr %place, ptr %to
  %after = add i64 %j, 1
  br label %loop
call:
  call void %piece(ptr %own_arrays, ptr %own_sizes, ptr %steps, ptr %data)
  ret void
}

; Claims a piece and does it, for the thread of this number; whether there was one.
define internal i1 @take(i64 %number) {
  %ranges = load atomic i64, ptr @ranges acquire, align 8
  %dealt = load ptr, ptr @dealt
  %some = icmp sgt i64 %ranges, 0
  br i1 %some, label %begin, label %none
begin:
  %own = urem i64 %number, %ranges
  br label %choose
choose:
  %i = phi i64 [0, %begin], [%after, %empty]
  %more = icmp slt i64 %i, %ranges
  br i1 %more, label %range, label %none
range:
  %far = add i64 %own, %i
  %r = urem i64 %far, %ranges
  %first = mul i64 %r, 16
  %next_place = getelementptr i64, ptr %dealt, i64 %first
  %end_place = getelementptr i64, ptr %next_place, i64 1
  %base_place = getelementptr i64, ptr %next_place, i64 2
  br label %look
look:
  %end = load atomic i64, ptr %end_place acquire, align 8
  %t = load atomic i64, ptr %next_place acquire, align 8
  %left = icmp slt i64 %t, %end
  br i1 %left, label %try, label %empty
try:
  %one_more = add i64 %t, 1
  %result = cmpxchg ptr %next_place, i64 %t, i64 %one_more acq_rel acquire
  %mine = extractvalue {i64, i1} %result, 1
  br i1 %mine, label %do, label %look
do:
  %known = atomicrmw add ptr @claimed, i64 1 acq_rel
  %base = load i64, ptr %base_place
  %index = sub i64 %t, %base
  call void @run(i64 %index)
  %before = atomicrmw add ptr @done, i64 1 acq_rel
  ret i1 1
empty:
  %after = add i64 %i, 1
  br label %choose
none:
  ret i1 0
}

; Whether a worker should claim: there are pieces left, and it is among the threads that may take part.
define internal i1 @wanted(i64 %worker) {
  %end = load atomic i64, ptr @end seq_cst, align 8
  %claimed = load atomic i64, ptr @claimed seq_cst, align 8
  %left = icmp slt i64 %claimed, %end
  %threads = load atomic i64, ptr @threads acquire, align 8
  %number = add i64 %worker, 1
  %allowed = icmp slt i64 %number, %threads
  %both = and i1 %left, %allowed
  ret i1 %both
}

; A worker's life.
define void @work(i64 %worker) {
  %all = load ptr, ptr @sleepers
  %first = mul i64 %worker, 16
  %asleep = getelementptr i64, ptr %all, i64 %first
  %semaphore = getelementptr i64, ptr %asleep, i64 8
  %wait = inttoptr i64 {sem_wait} to ptr
  br label %awake
awake:
  br label %spin
spin:
  %idle = phi i64 [0, %awake], [%idler, %rest]
  %stop = load atomic i64, ptr @stop acquire, align 8
  %ends = icmp ne i64 %stop, 0
  br i1 %ends, label %home, label %look
look:
  %wanted = call i1 @wanted(i64 %worker)
  br i1 %wanted, label %claim, label %rest
claim:
  %number = add i64 %worker, 1
  %took = call i1 @take(i64 %number)
  br i1 %took, label %awake, label %rest
rest:
  call void @pause()
  %idler = add i64 %idle, 1
  %tired = icmp sgt i64 %idler, {spins}
  br i1 %tired, label %lie_down, label %spin
lie_down:
  store atomic i64 1, ptr %asleep seq_cst, align 8
  fence seq_cst
  %stop_now = load atomic i64, ptr @stop seq_cst, align 8
  %ends_now = icmp ne i64 %stop_now, 0
  %wanted_now = call i1 @wanted(i64 %worker)
  %up = or i1 %ends_now, %wanted_now
  br i1 %up, label %get_up, label %sleep
get_up:  ; unless somebody has woken this worker already: then the semaphore counts that
  %was = atomicrmw xchg ptr %asleep, i64 0 seq_cst
  %still = icmp ne i64 %was, 0
  br i1 %still, label %awake, label %sleep
sleep:
  %ignored = call i32 %wait(ptr %semaphore)
  br label %awake
home:
  ret void
}

; Wakes the first %workers that sleep.
define void @wake(i64 %workers) {
  %all = load ptr, ptr @sleepers
  %post = inttoptr i64 {sem_post} to ptr
  br label %loop
loop:
  %i = phi i64 [0, %0], [%after, %next_one]
  %more = icmp slt i64 %i, %workers
  br i1 %more, label %look, label %end
look:
  %first = mul i64 %i, 16
  %asleep = getelementptr i64, ptr %all, i64 %first
  %sleeps = load atomic i64, ptr %asleep seq_cst, align 8
  %maybe = icmp ne i64 %sleeps, 0
  br i1 %maybe, label %take, label %next_one
take:
  %was = atomicrmw xchg ptr %asleep, i64 0 seq_cst
  %mine = icmp ne i64 %was, 0
  br i1 %mine, label %post_one, label %next_one
post_one:
  %semaphore = getelementptr i64, ptr %asleep, i64 8
  %ignored = call i32 %post(ptr %semaphore)
  br label %next_one
next_one:
  %after = add i64 %i, 1
  br label %loop
end:
  ret void
}

; In place of the pool's function, with its arguments: the pieces 0, 1, ... sizes[0] - 1 of a kernel.
define void @door(ptr %piece, ptr %arrays, ptr %sizes, ptr %steps, ptr %data, i64 %inner, i64 %count, i32 %threads) {
  %forked = load i64, ptr @alone
  %is_forked = icmp ne i64 %forked, 0
  %is_single = icmp sle i32 %threads, 1
  %pieces = load i64, ptr %sizes
  %is_small = icmp sle i64 %pieces, 1
  %one_of_two = or i1 %is_forked, %is_single
  %here = or i1 %one_of_two, %is_small
  br i1 %here, label %by_caller, label %ask
ask:
  %result = cmpxchg ptr @busy, i64 0, i64 1 acq_rel monotonic
  %free = extractvalue {i64, i1} %result, 1
  br i1 %free, label %publish, label %by_caller
by_caller:
  call void %piece(ptr %arrays, ptr %sizes, ptr %steps, ptr %data)
  ret void
publish:
  store ptr %piece, ptr @piece
  store ptr %arrays, ptr @arrays
  store ptr %sizes, ptr @sizes
  store ptr %steps, ptr @steps
  store ptr %data, ptr @data
  store i64 %inner, ptr @inner
  store i64 %count, ptr @count
  %members = sext i32 %threads to i64
  store atomic i64 %members, ptr @threads release, align 8
  %fewer = icmp slt i64 %pieces, %members
  %useful = select i1 %fewer, i64 %pieces, i64 %members
  store atomic i64 %useful, ptr @ranges release, align 8
  %start = load i64, ptr @end
  %end = add i64 %start, %pieces
  %dealt = load ptr, ptr @dealt
  br label %deal
deal:  ; range r has the pieces from r pieces / ranges on
  %r = phi i64 [0, %publish], [%next_range, %deal]
  %next_range = add i64 %r, 1
  %from_all = mul i64 %r, %pieces
  %from = udiv i64 %from_all, %useful
  %to_all = mul i64 %next_range, %pieces
  %to = udiv i64 %to_all, %useful
  %size = sub i64 %to, %from
  %word = mul i64 %r, 16
  %next_place = getelementptr i64, ptr %dealt, i64 %word
  %end_place = getelementptr i64, ptr %next_place, i64 1
  %base_place = getelementptr i64, ptr %next_place, i64 2
  %old = load i64, ptr %end_place
  %base = sub i64 %old, %from
  store i64 %base, ptr %base_place
  %new = add i64 %old, %size
  store atomic i64 %new, ptr %end_place release, align 8
  %all_dealt = icmp eq i64 %next_range, %useful
  br i1 %all_dealt, label %call_all, label %deal
call_all:
  store atomic i64 %end, ptr @end seq_cst, align 8
  fence seq_cst
  %workers = sub i64 %useful, 1
  call void @wake(i64 %workers)
  br label %claim
claim:
  %took = call i1 @take(i64 0)
  br i1 %took, label %claim, label %wait
wait:
  %idle = phi i64 [0, %claim], [%idler, %rest], [%idler, %let]
  %done = load atomic i64, ptr @done acquire, align 8
  %finished = icmp eq i64 %done, %end
  br i1 %finished, label %leave, label %rest
rest:
  call void @pause()
  %idler = add i64 %idle, 1
  %tired = icmp sgt i64 %idler, {spins}
  br i1 %tired, label %let, label %wait
let:
  %yield = inttoptr i64 {sched_yield} to ptr
  %ignored = call i32 %yield()
  br label %wait
leave:
  store atomic i64 0, ptr @busy release, align 8
  ret void
}
"""
_PAUSE = {"x86_64": "pause", "AMD64": "pause", "aarch64": "yield", "arm64": "yield"}
_LINE = 128  # bytes of a worker's flag and semaphore, and of a range


class Team:
    """The machine code of the door and of the workers, and the threads that run it."""

    def __init__(self, size: int):
        """A team of `size` threads, the caller among them; they do not run yet."""
        c = ctypes.CDLL(None)
        code = _TEAM_CODE.replace("{pause}", _PAUSE.get(platform.machine(), "")).replace("{spins}", str(SPINS))
        for name in ("sem_wait", "sem_post", "sched_yield"):
            code = code.replace(f"{{{name}}}", str(ctypes.cast(c[name], ctypes.c_void_p).value))
        binding.initialize_native_asmparser()  # for the pause
        machine = binding.Target.from_default_triple().create_target_machine()
        self._engine = binding.create_mcjit_compiler(binding.parse_assembly(code), machine)
        self._engine.finalize_object()
        self.address = self._engine.get_function_address("door")
        self._memory = ctypes.create_string_buffer(_LINE * (2 * size + 1))
        first = -(-ctypes.addressof(self._memory) // _LINE) * _LINE
        self._word("dealt").value = first + _LINE * size
        for worker in range(size - 1):
            c.sem_init(ctypes.c_void_p(first + worker * _LINE + _LINE // 2), 0, 0)
        self._word("sleepers").value = first
        self._begun = False
        self._workers = [
            threading.Thread(target=self._function("work"), args=(i,), name=f"nnmat kernels {i + 1}", daemon=True)
            for i in range(size - 1)
        ]

    @staticmethod
    def can_run() -> bool:
        """Whether this system has what a team needs: POSIX semaphores that lie anywhere in memory."""
        return sys.platform.startswith("linux")

    def begin(self) -> bool:
        """Start the threads; True, for launches need no turns."""
        if not self._begun:
            self._begun = True
            for worker in self._workers:
                try:
                    worker.start()
                except RuntimeError:  # the system gives no more threads: the caller can do all pieces
                    break
            atexit.register(self._end)
        return True

    def close(self) -> None:
        """From now on every caller runs its pieces itself."""
        self._word("alone").value = 1

    def _end(self) -> None:
        self._word("stop").value = 1
        self._function("wake")(len(self._workers))
        for worker in self._workers:
            if worker.is_alive():
                worker.join(1)  # one that does not come ends with the process

    def _word(self, name: str) -> ctypes.c_int64:
        return ctypes.c_int64.from_address(self._engine.get_global_value_address(name))

    def _function(self, name: str):
        return ctypes.CFUNCTYPE(None, ctypes.c_int64)(self._engine.get_function_address(name))
