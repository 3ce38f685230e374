"""Steps as programs: launches that one compiled function runs without Python between them.

entries        the operations of a recorded step, and who makes and reads which array
rewrites       the rules that improve them, each with why the bits stay
memory         arrays by lifetime, in one block
lowering       from operations to launches
block, words   a launch as words in memory; reading, writing and calling there
runner         the compiled function that walks the blocks
program        blocks, with what changes from step to step left open
compilation    all of it in order
listing        a program as a table
html           tables as notebooks show them
"""
