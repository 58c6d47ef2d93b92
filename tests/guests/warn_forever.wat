(import "autoresearch:evaluator/progress@0.1.0" "log" (func $log (param i32 i32 i32)))
(func $evaluate (result i32)
  (loop $forever
    (call $log (i32.const 2) (i32.const 0) (i32.const 400))
    (br $forever))
  (unreachable))
(func $fill
  (memory.fill (i32.const 0) (i32.const 0x78) (i32.const 400)))
(start $fill)
