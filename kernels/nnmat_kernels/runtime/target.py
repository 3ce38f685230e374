"""The vector registers of the processor that Numba compiles for, and the shape of the tile that fills them.

Numba's target can differ from the machine at hand (NUMBA_CPU_NAME, NUMBA_CPU_FEATURES), and the features that a
processor's name implies are known to LLVM only. Then LLVM is asked: it translates one multiplication of 64 bytes, and
the registers that it takes are read from the result.

    registers            bytes   rows of a tile   (few)   accumulators + B + A of the registers there are
    AVX-512               64          12            4     24 + 2 + 1 of 32
    AVX2 with FMA         32           6            4     12 + 2 + 1 of 16
    anything else         16           4            2      8 + 2 + 1, and one for a product before it is added
"""

from typing import Any

import numba
from llvmlite import binding
from numba.core.codegen import get_host_cpu_features

_settings: Any = numba.config
_PROBE = """
declare <16 x float> @llvm.fma.v16f32(<16 x float>, <16 x float>, <16 x float>)
define void @probe(ptr %a) {
  %x = load <16 x float>, ptr %a
  %y = call <16 x float> @llvm.fma.v16f32(<16 x float> %x, <16 x float> %x, <16 x float> %x)
  store <16 x float> %y, ptr %a
  ret void
}
"""


def _assembly() -> str:
    name = _settings.CPU_NAME or binding.get_host_cpu_name()
    features = get_host_cpu_features() if _settings.CPU_FEATURES is None else _settings.CPU_FEATURES
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    machine = binding.Target.from_default_triple().create_target_machine(cpu=name, features=features)
    return machine.emit_assembly(binding.parse_assembly(_PROBE))


def _shape(assembly: str) -> tuple[int, bool, int, int]:
    fused = "vfmadd" in assembly
    if fused and "zmm" in assembly:
        return 64, fused, 12, 4
    if fused and "ymm" in assembly:
        return 32, fused, 6, 4
    return 16, fused, 4, 2


def _host() -> tuple[int, bool, int, int]:
    """The same for the machine at hand, from the list of its features: asking LLVM takes 0.15 s at every start."""
    features = get_host_cpu_features().split(",")
    known = {"+avx512f": "zmm", "+avx": "ymm", "+fma": "vfmadd"}
    return _shape(" ".join(word for feature, word in known.items() if feature in features))


_chosen = _settings.CPU_NAME or _settings.CPU_FEATURES is not None
VECTOR_BYTES, FUSED, MR, MR_SMALL = _shape(_assembly()) if _chosen else _host()
# Masked stores cost as much as others with AVX-512 only: elsewhere what is narrower than a tile goes through a scratch.
MASKS = int(VECTOR_BYTES == 64)
