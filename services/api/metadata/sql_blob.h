// Bytes, as opposed to text, as a parameter of a query.
#pragma once

#include <string_view>

namespace stockroom::api {

struct SqlBlob {
  std::string_view bytes;
};

}  // namespace stockroom::api
