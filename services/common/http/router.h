// Which handler answers which request.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/common/http/message.h"
#include "services/common/http/path_template.h"

namespace stockroom::http {

struct Route {
  std::string method;
  PathTemplate path;
  RouteOptions options;
  Handler handler;
  TryHandler attempt;  // null: there is none
};

// Filled before the server starts, then only read.
class Router {
 public:
  // `path` is a template, see path_template.h. A GET route answers HEAD as well. ALREADY_EXISTS if
  // another route of this method matches the same paths; INVALID_ARGUMENT for a bad template.
  // `attempt`, if given, is asked before `handler`.
  absl::Status Add(std::string_view method, std::string_view path, RouteOptions options,
                   Handler handler, TryHandler attempt = nullptr);
  // For handlers that need no waiting; must not block.
  absl::Status AddPlain(std::string_view method, std::string_view path, RouteOptions options,
                        PlainHandler handler);

  struct Found {
    const Route* route = nullptr;
    PathTemplate::Captures captures;
  };
  // NOT_FOUND, METHOD_NOT_ALLOWED (with `allow` filled), or INVALID_ARGUMENT for a path that can
  // not be decoded.
  absl::StatusOr<Found> Find(std::string_view method, std::string_view path,
                             std::string* allow) const;

  const std::vector<std::unique_ptr<Route>>& routes() const { return routes_; }

 private:
  // The more specific first. A few dozen routes: looking through them costs less than a tree would.
  std::vector<std::unique_ptr<Route>> routes_;
};

}  // namespace stockroom::http
