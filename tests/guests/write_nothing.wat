(import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
(import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
  (func $write (param i32 i32 i32 i32)))
;; Prints no byte, again and again.
(func $evaluate (result i32)
  (local $stream i32)
  (local.set $stream (call $stdout))
  (loop $forever
    (call $write (local.get $stream) (i32.const 0) (i32.const 0) (i32.const 2048))
    (br $forever))
  (unreachable))
