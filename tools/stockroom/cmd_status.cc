// status, ping: is the cluster there, and how is it?
#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "services/common/base/status.h"
#include "tools/stockroom/exit_codes.h"
#include "tools/stockroom/program.h"
#include "tools/stockroom/records.h"
#include "tools/stockroom/text.h"

namespace stockroom::cli {
namespace {

std::string Milliseconds(absl::Duration d) {
  return absl::StrFormat("%.1f ms", absl::ToDoubleMilliseconds(d));
}

void PrintApi(Output& out, const std::string& address, const v1::ServerInfo& info,
              absl::Duration took) {
  out.Line(absl::StrCat(out.Paint(Style::kGood, "up"), "    api  ",
                        out.Paint(Style::kBold, OneLine(address)), "  version ",
                        OneLine(info.version()), "  answered in ", Milliseconds(took)));
  out.Line(absl::StrCat("      jobs   ", HumanCount(info.jobs_waiting()), " waiting, ",
                        HumanCount(info.jobs_running()), " running"));
  out.Line(absl::StrCat("      index  ", HumanCount(info.index_images()), " images, position ",
                        HumanCount(info.index_position())));
  for (const v1::WorkerInfo& worker : info.workers()) {
    out.Line(
        absl::StrCat("      worker ", OneLine(worker.address()), "  ",
                     worker.version().empty() ? "" : "version " + OneLine(worker.version()) + ", ",
                     Plural(worker.streams(), "stream"), ", ", Plural(worker.credits(), "credit"),
                     ", ", worker.running(), " running",
                     worker.draining() ? out.Paint(Style::kWarning, ", draining") : ""));
    for (const v1::Engine& engine : worker.engines()) {
      out.Line(absl::StrCat("             ", OneLine(engine.program()), "  libvips ",
                            OneLine(engine.libvips()), ", reads ",
                            OneLine(absl::StrJoin(engine.reads(), " ")), ", writes ",
                            OneLine(absl::StrJoin(engine.writes(), " "))));
    }
  }
  if (info.workers().empty()) {
    out.Line("      " + out.Paint(Style::kWarning, "no worker is connected: uploads will wait"));
  }
}

void PrintDown(Output& out, const char* kind, const std::string& where, const std::string& why) {
  out.Line(absl::StrCat(out.Paint(Style::kBad, "down"), "  ", kind, "  ",
                        out.Paint(Style::kBold, OneLine(where)), "  ", OneLine(why)));
}

ExitCode AskApi(const Program& program, const Connect& connect, const std::string& address) {
  const absl::Time begin = absl::Now();
  absl::StatusOr<std::unique_ptr<Client>> client = connect(address);
  absl::StatusOr<v1::ServerInfo> info =
      client.ok() ? (*client)->ServerInfo() : absl::StatusOr<v1::ServerInfo>(client.status());
  const absl::Duration took = absl::Now() - begin;
  Output& out = program.out;
  if (out.json()) {
    nlohmann::ordered_json line = {{"type", "api"}, {"address", address}, {"up", info.ok()}};
    if (info.ok()) {
      line["milliseconds"] = absl::ToDoubleMilliseconds(took);
      line["info"] = ToJson(*info);
    } else {
      line["error"] = Explain(info.status(), address);
    }
    out.Json(line);
  } else if (info.ok()) {
    PrintApi(out, address, *info, took);
  } else {
    PrintDown(out, "api", address, Explain(info.status(), address));
  }
  return ExitCodeOf(info.status());
}

// Up to 256 KiB of what stands at `url`.
absl::StatusOr<std::string> Fetch(const Program& program, const std::string& url) {
  constexpr size_t kMost = 256 << 10;
  std::string body;
  SR_RETURN_IF_ERROR(program.http.Get(
      {.url = url,
       .offset = 0,
       .if_range = {},
       .with_key = false,
       .timeout = program.settings.timeout},
      [](const HttpAnswer&) { return absl::OkStatus(); },
      [&](std::string_view bytes) {
        body += bytes.substr(0, kMost - body.size());
        return absl::OkStatus();
      }));
  return body;
}

// What a file server's metrics say about its disk; nullopt of other processes.
std::optional<int64_t> FreeBytesOf(const Program& program, const std::string& base) {
  const absl::StatusOr<std::string> metrics = Fetch(program, base + "/metrics");
  if (!metrics.ok()) return std::nullopt;
  const std::string name = "\nstockroom_fileserver_free_bytes ";
  const size_t at = metrics->find(name);
  double bytes = 0;
  if (at == std::string::npos) return std::nullopt;
  const size_t value = at + name.size();
  if (!absl::SimpleAtod(metrics->substr(value, metrics->find('\n', value) - value), &bytes)) {
    return std::nullopt;
  }
  return bytes >= 0 && bytes < 9e18 ? std::optional(static_cast<int64_t>(bytes)) : std::nullopt;
}

ExitCode AskHealth(const Program& program, const std::string& given) {
  std::string url = given.find("://") == std::string::npos ? "http://" + given : given;
  const bool whole = url.find('/', url.find("://") + 3) != std::string::npos;
  const std::string base = url;
  if (!whole) url += "/readyz";
  const absl::Time begin = absl::Now();
  const absl::Status status = Fetch(program, url).status();
  const absl::Duration took = absl::Now() - begin;
  const std::optional<int64_t> free =
      status.ok() && !whole ? FreeBytesOf(program, base) : std::nullopt;
  Output& out = program.out;
  if (out.json()) {
    nlohmann::ordered_json line = {{"type", "process"}, {"url", url}, {"up", status.ok()}};
    if (free) line["free_bytes"] = *free;
    if (status.ok()) {
      line["milliseconds"] = absl::ToDoubleMilliseconds(took);
    } else {
      line["error"] = std::string(status.message());
    }
    out.Json(line);
  } else if (status.ok()) {
    out.Line(absl::StrCat(out.Paint(Style::kGood, "up"), "    http ",
                          out.Paint(Style::kBold, OneLine(url)), "  answered in ",
                          Milliseconds(took)));
    if (free) out.Line(absl::StrCat("      disk   ", HumanBytes(*free), " free"));
  } else {
    PrintDown(out, "http", url, std::string(status.message()));
  }
  return ExitCodeOf(status);
}

}  // namespace

int RunStatus(const Program& program, const Connect& connect, const StatusArgs& args) {
  std::vector<ExitCode> codes;
  for (const std::string& address : program.settings.addresses) {
    if (!program.stop->cancelled()) codes.push_back(AskApi(program, connect, address));
  }
  for (const std::string& url : args.health_urls) {
    if (!program.stop->cancelled()) codes.push_back(AskHealth(program, url));
  }
  return CombinedExitCode(codes);
}

int RunPing(const Program& program, Client& client, const PingArgs& args) {
  std::vector<absl::Duration> took;
  for (int i = 0; i < args.count && !program.stop->cancelled(); ++i) {
    const absl::Time begin = absl::Now();
    const absl::Status status = client.Ping();
    if (!status.ok()) return program.Fail(status);
    took.push_back(absl::Now() - begin);
  }
  if (took.empty()) return kExitInterrupted;
  const auto [least, most] = std::minmax_element(took.begin(), took.end());
  absl::Duration sum;
  for (const absl::Duration d : took) sum += d;
  const absl::Duration mean = sum / static_cast<int64_t>(took.size());
  if (program.out.json()) {
    program.out.Json({{"type", "ping"},
                      {"address", program.settings.address()},
                      {"calls", took.size()},
                      {"min_ms", absl::ToDoubleMilliseconds(*least)},
                      {"mean_ms", absl::ToDoubleMilliseconds(mean)},
                      {"max_ms", absl::ToDoubleMilliseconds(*most)}});
  } else {
    program.out.Line(absl::StrFormat(
        "%s answers: %s, %.2f / %.2f / %.2f ms (min / mean / max)",
        OneLine(program.settings.address()), Plural(static_cast<int64_t>(took.size()), "call"),
        absl::ToDoubleMilliseconds(*least), absl::ToDoubleMilliseconds(mean),
        absl::ToDoubleMilliseconds(*most)));
  }
  return kExitOk;
}

}  // namespace stockroom::cli
