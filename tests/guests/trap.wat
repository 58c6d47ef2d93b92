(func $the_function_that_traps
  unreachable)
(func $evaluate (result i32)
  (call $the_function_that_traps)
  (call $value (f64.const 1)))
