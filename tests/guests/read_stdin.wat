(import "wasi:cli/stdin@0.2.0" "get-stdin" (func $stdin (result i32)))
(import "wasi:io/streams@0.2.0" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
(func $evaluate (result i32)
  (call $read (call $stdin) (i64.const 100) (i32.const 0))
  ;; An error: the stream is closed.
  (if (i32.eqz (i32.load8_u (i32.const 0))) (then unreachable))
  (call $value (f64.const 1)))
