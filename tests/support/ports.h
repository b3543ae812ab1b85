#pragma once

namespace stockroom::testing {

// A loopback port that nobody listens on now.
int FreePort();

}  // namespace stockroom::testing
