#include "services/common/http/router.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/http/problem.h"
#include "services/common/http/url.h"

namespace stockroom::http {

absl::Status Router::Add(std::string_view method, std::string_view path, RouteOptions options,
                         Handler handler, TryHandler attempt) {
  SR_ASSIGN_OR_RETURN(PathTemplate compiled, PathTemplate::Parse(path));
  for (const auto& route : routes_) {
    if (route->method == method && route->path.SameShape(compiled)) {
      return MakeError(absl::StatusCode::kAlreadyExists, "ROUTE_CONFLICT",
                       absl::StrCat(Av(method), " ", Av(path), " matches the same paths as ",
                                    route->path.text()));
    }
  }
  auto route = std::make_unique<Route>(Route{std::string(method), std::move(compiled), options,
                                             std::move(handler), std::move(attempt)});
  const auto place = std::upper_bound(
      routes_.begin(), routes_.end(), route,
      [](const auto& a, const auto& b) { return a->path.MoreSpecificThan(b->path); });
  routes_.insert(place, std::move(route));
  return absl::OkStatus();
}

absl::Status Router::AddPlain(std::string_view method, std::string_view path, RouteOptions options,
                              PlainHandler handler) {
  return Add(method, path, options,
             [handler = std::move(handler)](Request& request) -> Task<Response> {
               co_return handler(request);
             });
}

absl::StatusOr<Router::Found> Router::Find(std::string_view method, std::string_view path,
                                           std::string* allow) const {
  // Also for paths that match nothing: a bad one is told apart from a missing one.
  SR_RETURN_IF_ERROR(CheckPercentEncoding(path));
  const std::vector<std::string_view> segments = SplitPath(path);
  std::set<std::string> allowed;
  const Route* for_head = nullptr;
  PathTemplate::Captures head_captures;
  for (const auto& route : routes_) {
    SR_ASSIGN_OR_RETURN(auto captures, route->path.Match(segments));
    if (!captures) continue;
    if (route->method == method) return Found{route.get(), *std::move(captures)};
    if (method == "HEAD" && route->method == "GET" && for_head == nullptr) {
      for_head = route.get();
      head_captures = *std::move(captures);
    }
    allowed.insert(route->method);
    if (route->method == "GET") allowed.insert("HEAD");
  }
  if (for_head != nullptr) return Found{for_head, std::move(head_captures)};
  if (allowed.empty()) {
    return MakeError(absl::StatusCode::kNotFound, "NO_SUCH_ROUTE",
                     "nothing is served at this path");
  }
  *allow = absl::StrJoin(allowed, ", ");
  return MakeError(absl::StatusCode::kUnimplemented, "METHOD_NOT_ALLOWED",
                   absl::StrCat("this path answers: ", *allow));
}

}  // namespace stockroom::http
