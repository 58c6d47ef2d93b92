(import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
(import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
  (func $write (param i32 i32 i32 i32)))
;; 16 MiB in lines of 64 bytes, then some last words.
(func $evaluate (result i32)
  (local $stream i32) (local $at i32) (local $count i32)
  (memory.fill (i32.const 65536) (i32.const 0x78) (i32.const 4096))
  (loop $line
    (i32.store8 offset=65536 (local.get $at) (i32.const 0x0a))
    (local.set $at (i32.add (local.get $at) (i32.const 64)))
    (br_if $line (i32.lt_u (local.get $at) (i32.const 4096))))
  (local.set $stream (call $stdout))
  (loop $more
    (call $write (local.get $stream) (i32.const 65536) (i32.const 4096) (i32.const 2048))
    (local.set $count (i32.add (local.get $count) (i32.const 1)))
    (br_if $more (i32.lt_u (local.get $count) (i32.const 4096))))
  (call $write (local.get $stream) (i32.const 0) (i32.const 22) (i32.const 2048))
  (unreachable))
(data (i32.const 0) "\n\1b[31mthe last words\n\n")
