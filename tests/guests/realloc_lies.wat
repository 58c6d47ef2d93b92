;; Says that memory is where none is; the host asks for some to pass the target's name.
(func $realloc_that_lies (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
  (i32.const 0x7fff_fff0))
(func $evaluate (result i32)
  (call $value (f64.const 1)))
