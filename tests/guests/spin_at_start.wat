(func $spin
  (loop $forever (br $forever)))
(start $spin)
(func $evaluate (result i32)
  (call $value (f64.const 1)))
