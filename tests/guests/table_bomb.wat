(table $table 1 funcref)
(func $evaluate (result i32)
  (loop $more
    (br_if $more
      (i32.ne (table.grow $table (ref.null func) (i32.const 10000)) (i32.const -1))))
  (call $value (f64.const 1)))
