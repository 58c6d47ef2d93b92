;; 4 GiB
(memory (export "memory") 65536)
(func $evaluate (result i32)
  (call $value (f64.const 1)))
