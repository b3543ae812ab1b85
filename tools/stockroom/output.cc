#include "tools/stockroom/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "absl/strings/str_join.h"
#include "services/common/base/status.h"
#include "tools/stockroom/text.h"

namespace stockroom::cli {
namespace {

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool SpeaksUtf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    std::string value = Environment(name);
    if (value.empty()) continue;
    std::transform(value.begin(), value.end(), value.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    return value.find("utf-8") != std::string::npos || value.find("utf8") != std::string::npos;
  }
  return false;
}

int TerminalWidth() {
  winsize size{};
  for (int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  }
  const int columns = std::atoi(Environment("COLUMNS").c_str());
  return columns > 0 ? columns : 80;
}

constexpr int kGap = 2;

}  // namespace

OutputOptions DetectOutput() {
  OutputOptions options;
  const bool dumb = Environment("TERM") == "dumb" || Environment("TERM").empty();
  options.out_is_terminal = ::isatty(STDOUT_FILENO) == 1;
  options.err_is_terminal = ::isatty(STDERR_FILENO) == 1 && !dumb;
  options.colour = options.out_is_terminal && !dumb && Environment("NO_COLOR").empty();
  options.utf8 = SpeaksUtf8();
  options.width = TerminalWidth();
  return options;
}

Sink FdSink(int fd) {
  return [fd](std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EPIPE) return absl::CancelledError("the reader is gone");
      if (n < 0) return ErrnoStatus(errno, "writing the output");
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return absl::OkStatus();
  };
}

std::string JsonText(const nlohmann::ordered_json& value) {
  const std::string text =
      value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  // The library escapes C0; DEL, C1 (in UTF-8: C2 80 to C2 9F) and direction overrides
  // (E2 80 AA..AE, E2 81 A6..A9) are left, and occur only inside strings.
  std::string out;
  out.reserve(text.size());
  const auto escape = [&](unsigned code) {
    static constexpr char kHex[] = "0123456789abcdef";
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += kHex[code >> shift & 15];
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const auto at = [&](size_t j) {
      return j < text.size() ? static_cast<unsigned char>(text[j]) : 0U;
    };
    if (at(i) == 0x7F) {
      escape(0x7F);
    } else if (at(i) == 0xC2 && at(i + 1) >= 0x80 && at(i + 1) <= 0x9F) {
      escape(at(++i));
    } else if (at(i) == 0xE2 && at(i + 1) == 0x80 && at(i + 2) >= 0xA8 && at(i + 2) <= 0xAE) {
      escape(0x2000 | (at(i + 2) & 0x3F));
      i += 2;
    } else if (at(i) == 0xE2 && at(i + 1) == 0x81 && at(i + 2) >= 0xA6 && at(i + 2) <= 0xA9) {
      escape(0x2040 | (at(i + 2) & 0x3F));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

Output::Output(OutputOptions options, Sink out, Sink err)
    : options_(options), out_(std::move(out)), err_(std::move(err)) {}

void Output::WriteOut(std::string_view bytes) {
  MutexLock lock(mu_);
  EraseBar();
  if (!closed_ && error_.ok()) {
    const absl::Status status = out_(bytes);
    if (absl::IsCancelled(status)) {
      closed_ = true;
    } else {
      error_ = status;
    }
  }
  DrawBar();
}

void Output::Line(std::string_view text) { WriteOut(std::string(text) + "\n"); }
void Output::Json(const nlohmann::ordered_json& object) { WriteOut(JsonText(object) + "\n"); }
void Output::Raw(std::string_view bytes) { WriteOut(bytes); }

void Output::WriteErr(std::string_view bytes) {
  // There is nowhere left to say that standard error does not work.
  err_(bytes).IgnoreError();
}

void Output::Note(std::string_view text) {
  if (options_.quiet) return;
  MutexLock lock(mu_);
  EraseBar();
  WriteErr(std::string(text) + "\n");
  DrawBar();
}

void Output::Error(std::string_view text) {
  MutexLock lock(mu_);
  EraseBar();
  const bool colour = options_.colour && options_.err_is_terminal;
  WriteErr((colour ? "\033[31mstockroom:\033[0m " : "stockroom: ") + OneLine(text) + "\n");
  DrawBar();
}

void Output::SetBar(std::string bar) {
  if (!options_.err_is_terminal) return;
  MutexLock lock(mu_);
  EraseBar();
  bar_ = std::move(bar);
  DrawBar();
}

void Output::EraseBar() {
  if (!bar_.empty()) WriteErr("\r\033[K");
}

void Output::DrawBar() {
  if (!bar_.empty()) WriteErr(bar_);
}

std::string Output::Paint(Style style, std::string_view text) const {
  if (!options_.colour || style == Style::kPlain) return std::string(text);
  const char* code = "";
  switch (style) {
    case Style::kBold:
      code = "1";
      break;
    case Style::kDim:
      code = "2";
      break;
    case Style::kGood:
      code = "32";
      break;
    case Style::kWarning:
      code = "33";
      break;
    case Style::kBad:
      code = "31";
      break;
    case Style::kPlain:
      break;
  }
  return "\033[" + std::string(code) + "m" + std::string(text) + "\033[0m";
}

bool Output::closed() const {
  MutexLock lock(mu_);
  return closed_;
}

absl::Status Output::error() const {
  MutexLock lock(mu_);
  return error_;
}

Table::Table(Output& out, std::vector<Column> columns)
    : out_(out), columns_(std::move(columns)), widths_(columns_.size()) {
  for (size_t i = 0; i < columns_.size(); ++i) {
    widths_[i] = std::max(columns_[i].min_width, Columns(columns_[i].title));
  }
}

void Table::Add(std::vector<std::string> cells, Style style) {
  for (size_t i = 0; i < cells.size(); ++i) {
    cells[i] = OneLine(cells[i]);
    widths_[i] = std::max(widths_[i], Columns(cells[i]));
  }
  rows_.emplace_back(std::move(cells), style);
}

// Flexible columns share what the others leave, each at least as wide as its minimum.
void Table::Fitting() {
  int needed = -kGap;
  for (int width : widths_) needed += width + kGap;
  for (size_t i = columns_.size(); i-- > 0 && needed > out_.options().width;) {
    if (!columns_[i].flexible) continue;
    const int least = std::max(columns_[i].min_width, Columns(columns_[i].title));
    const int given = std::max(least, widths_[i] - (needed - out_.options().width));
    needed -= widths_[i] - given;
    widths_[i] = given;
  }
}

std::string Table::Row(const std::vector<std::string>& cells, Style style) const {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line.append(kGap, ' ');
    const std::string cell = Cut(cells[i], widths_[i]);
    line += columns_[i].right ? PadLeft(cell, widths_[i]) : Fit(cell, widths_[i]);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return out_.Paint(style, line);
}

void Table::Flush() {
  if (rows_.empty()) return;
  if (!out_.options().out_is_terminal) {
    for (const auto& [cells, style] : rows_) {
      out_.Line(absl::StrJoin(cells, "\t"));
    }
    rows_.clear();
    return;
  }
  Fitting();
  if (!headed_) {
    std::vector<std::string> titles;
    for (const Column& column : columns_) titles.push_back(column.title);
    out_.Line(Row(titles, Style::kBold));
    headed_ = true;
  }
  for (const auto& [cells, style] : rows_) out_.Line(Row(cells, style));
  rows_.clear();
}

}  // namespace stockroom::cli
