(import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
(import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
  (func $write (param i32 i32 i32 i32)))
;; Prints 200 MiB at once.
(func $evaluate (result i32)
  (if (i32.eq (memory.grow (i32.const 3200)) (i32.const -1)) (then (unreachable)))
  (call $write (call $stdout) (i32.const 0) (i32.const 209715200) (i32.const 2048))
  (call $value (f64.const 1)))
