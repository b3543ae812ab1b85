// The index of an api, with files in a folder of its own, so that it can be started again.
#pragma once

#include <memory>

#include "tests/unit/search/oracle/trial.h"

namespace stockroom::api {

std::unique_ptr<Subject> MakeMemorySubject();

}  // namespace stockroom::api
