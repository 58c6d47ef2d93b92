(import "wasi:http/outgoing-handler@0.2.0" "handle" (func $handle (result i32)))
(func $evaluate (result i32)
  (call $value (f64.convert_i32_u (call $handle))))
