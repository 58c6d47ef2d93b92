(func $evaluate (result i32)
  (call $metric (i32.const 0x7fff_fff0) (i32.const 0x7fff_ffff) (i32.const 3208) (i32.const 1)))
