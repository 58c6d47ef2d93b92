(import "autoresearch:evaluator/progress@0.1.0" "log" (func $log (param i32 i32 i32)))
;; The component model forbids to leave an instance then.
(func (export "cabi_post_autoresearch:evaluator/evaluator@0.1.0#evaluate") (param i32)
  (call $log (i32.const 0) (i32.const 0) (i32.const 0)))
(func $evaluate (result i32)
  (call $value (f64.const 1)))
