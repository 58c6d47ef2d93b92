(import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
(import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
  (func $write (param i32 i32 i32 i32)))
(func $evaluate (result i32)
  (call $write (call $stdout) (i32.const 0) (i32.const 16) (i32.const 2048))
  (loop $forever (br $forever))
  (unreachable))
(data (i32.const 0) "about to spin...")
