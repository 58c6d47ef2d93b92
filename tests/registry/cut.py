"""Passes a registry's answers on and breaks off after so many bytes: PORT, the registry's PORT, BYTES."""

import socket
import sys
import threading

port, behind, most = map(int, sys.argv[1:])


def pump(source, sink, most):
    passed = 0
    try:
        while data := source.recv(65536):
            sink.sendall(data[: most - passed])
            passed += len(data)
            if passed >= most:
                break
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


with socket.create_server(("127.0.0.1", port)) as server:
    while True:
        client, _ = server.accept()
        registry = socket.create_connection(("127.0.0.1", behind))
        threading.Thread(target=pump, args=(client, registry, 1 << 62), daemon=True).start()
        threading.Thread(target=pump, args=(registry, client, most), daemon=True).start()
