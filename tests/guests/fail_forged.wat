(func $evaluate (result i32)
  (call $fail (i32.const 1) (i32.const 0) (i32.const 52)))
(data (i32.const 0) "it \1b[31mbroke\r\nerror: forged\nhint: forged\n\1b[2Jwiped\00")
