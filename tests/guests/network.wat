(import "wasi:sockets/instance-network@0.2.0" "instance-network" (func $network (result i32)))
(import "wasi:sockets/ip-name-lookup@0.2.0" "resolve-addresses" (func $resolve (param i32 i32 i32 i32)))
(import "wasi:sockets/tcp-create-socket@0.2.0" "create-tcp-socket" (func $tcp (param i32 i32)))
(import "wasi:sockets/tcp@0.2.0" "[method]tcp-socket.start-connect"
  (func $connect (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
(import "wasi:sockets/tcp@0.2.0" "[method]tcp-socket.start-bind"
  (func $bind (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
(import "wasi:sockets/udp-create-socket@0.2.0" "create-udp-socket" (func $udp (param i32 i32)))
(import "wasi:sockets/udp@0.2.0" "[method]udp-socket.start-bind"
  (func $bind_udp (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))

;; 1 where the last call with the result at 72 worked.
(func $worked (result i32)
  (i32.eqz (i32.load8_u (i32.const 72))))

;; The socket just made; 0 where there is none.
(func $made (result i32)
  (if (result i32) (i32.load8_u (i32.const 64)) (then (i32.const 0)) (else (i32.load (i32.const 68)))))

;; The value has a bit for each thing that worked, with port 9 of this machine; none should.
(func $evaluate (result i32)
  (local $network i32) (local $socket i32) (local $bits i32)
  (local.set $network (call $network))
  (call $resolve (local.get $network) (i32.const 0) (i32.const 9) (i32.const 72))
  (local.set $bits (call $worked))
  (call $tcp (i32.const 0) (i32.const 64))
  (local.set $socket (call $made))
  (if (local.get $socket)
    (then
      (call $connect (local.get $socket) (local.get $network)
        (i32.const 0) (i32.const 9) (i32.const 127) (i32.const 0) (i32.const 0) (i32.const 1)
        (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 72))
      (local.set $bits (i32.or (local.get $bits) (i32.shl (call $worked) (i32.const 1))))))
  (call $tcp (i32.const 0) (i32.const 64))
  (local.set $socket (call $made))
  (if (local.get $socket)
    (then
      (call $bind (local.get $socket) (local.get $network)
        (i32.const 0) (i32.const 9) (i32.const 127) (i32.const 0) (i32.const 0) (i32.const 1)
        (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 72))
      (local.set $bits (i32.or (local.get $bits) (i32.shl (call $worked) (i32.const 2))))))
  (call $udp (i32.const 0) (i32.const 64))
  (local.set $socket (call $made))
  (if (local.get $socket)
    (then
      (call $bind_udp (local.get $socket) (local.get $network)
        (i32.const 0) (i32.const 9) (i32.const 127) (i32.const 0) (i32.const 0) (i32.const 1)
        (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 72))
      (local.set $bits (i32.or (local.get $bits) (i32.shl (call $worked) (i32.const 3))))))
  (call $value (f64.convert_i32_u (local.get $bits))))
(data (i32.const 0) "localhost")
