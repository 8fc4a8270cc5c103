/* One object for all kernels: user space loads the programs that this kernel takes. */
#include "refresh.bpf.h"
#include "processes.bpf.h"
#include "lifecycle.bpf.h"
#include "losses.bpf.h"
#include "tracepoints.bpf.h"
#include "fentry.bpf.h"
#include "kprobes.bpf.h"
#include "syscalls.bpf.h"

/* Keeps the types that only cross as bytes in the object's BTF. */
union crossing {
	struct closed_record closed;
	struct exec_record exec;
	struct hello_record hello;
	struct drop_key drop;
	struct stray_key stray;
	enum record_kind kind;
	enum protocol protocol;
	enum message message;
	enum role role;
	enum connection_flag flag;
	enum mark mark;
};
union crossing *crossing __attribute__((unused));

char LICENSE[] SEC("license") = "GPL";
