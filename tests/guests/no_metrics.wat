(func $evaluate (result i32)
  (call $report (i32.const 0) (i32.const 0)))
