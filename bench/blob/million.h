// A store that holds a great many blobs, against one that holds few.
#pragma once

#include <cstdint>

#include "bench/common/report.h"

namespace stockroom::bench {

// start_1m_ms, bytes_per_blob (of the server's memory; and of the disk, beside the payload),
// put_at_1m_blobs and get_at_1m_blobs (ratios to a store that was empty). `blobs` files are written
// straight into the folders, in the store's format.
void MeasureMillion(int pairs, int64_t blobs, Report& report);

}  // namespace stockroom::bench
