// CRC-32C (Castagnoli, RFC 3720 appendix B.4): finds torn and flipped bytes. Proof against
// accidents, not against people.
#pragma once

#include <cstdint>
#include <string_view>

namespace stockroom {

// Of `bytes` behind those that gave `before`: Crc32c(b, Crc32c(a)) == Crc32c(a + b). About 15 GB/s
// with SSE 4.2, 1.5 GB/s without.
uint32_t Crc32c(std::string_view bytes, uint32_t before = 0);

// The same without SSE 4.2, for tests.
uint32_t PortableCrc32c(std::string_view bytes, uint32_t before = 0);

}  // namespace stockroom
