#include "services/common/base/random.h"

#include <openssl/rand.h>

#include <cstdlib>

namespace stockroom {

std::string RandomBytes(size_t count) {
  std::string bytes(count, '\0');
  const int result =
      RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count));
  if (result != 1) std::abort();  // ids that collide would lose data, secrets would be no secrets
  return bytes;
}

}  // namespace stockroom
