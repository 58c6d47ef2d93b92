(import "autoresearch:evaluator/command@0.1.0" "run" (func $run (param i32 i32 i32)))
(func $evaluate (result i32)
  (loop $forever
    (call $run (i32.const 0) (i32.const 4) (i32.const 64))
    (br $forever))
  (unreachable))
(data (i32.const 0) "work")
