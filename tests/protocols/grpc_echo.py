"""A gRPC server that echoes bytes, and its client: `serve PORT` or `call PORT`."""

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc


def serve(port: str) -> None:
    handler = grpc.method_handlers_generic_handler(
        "test.Echo", {"Say": grpc.unary_unary_rpc_method_handler(lambda request, _: request)}
    )
    server = grpc.server(ThreadPoolExecutor(2), handlers=(handler,))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


def call(port: str) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        say = channel.unary_unary("/test.Echo/Say")
        for _ in range(3):
            assert say(b"hello") == b"hello"


if __name__ == "__main__":
    {"serve": serve, "call": call}[sys.argv[1]](sys.argv[2])
