#include "services/api/search/exec/set_kernels.h"

#include <atomic>
#include <string_view>
#include <vector>

#include "services/api/search/exec/set_kernels_impl.h"

namespace stockroom::api {
namespace {

// Those that this machine has, the best first.
std::vector<const SetKernels*> Supported() {
  std::vector<const SetKernels*> supported;
#if defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi") != 0 &&
                    __builtin_cpu_supports("bmi2") != 0 && __builtin_cpu_supports("popcnt") != 0 &&
                    __builtin_cpu_supports("sse4.2") != 0;
  if (avx2 && __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512vpopcntdq") != 0 &&
      __builtin_cpu_supports("avx512vbmi2") != 0) {
    supported.push_back(&set_kernels::kAvx512);
  }
  if (avx2) supported.push_back(&set_kernels::kAvx2);
#endif
  supported.push_back(&set_kernels::kPortable);
  return supported;
}

std::atomic<const SetKernels*>& Current() {
  static std::atomic<const SetKernels*> current = Supported().front();
  return current;
}

}  // namespace

const SetKernels& Kernels() { return *Current().load(std::memory_order_relaxed); }

bool UseSetKernels(const char* name) {
  for (const SetKernels* kernels : Supported()) {
    if (std::string_view(kernels->name) != name) continue;
    Current().store(kernels, std::memory_order_relaxed);
    return true;
  }
  return false;
}

}  // namespace stockroom::api
