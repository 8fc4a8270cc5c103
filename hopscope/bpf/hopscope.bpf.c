/* One object for all kernels: user space loads the programs that this kernel takes. */
#include "processes.bpf.h"
#include "lifecycle.bpf.h"
#include "tracepoints.bpf.h"

char LICENSE[] SEC("license") = "GPL";
