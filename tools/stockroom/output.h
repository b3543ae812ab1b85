// Where answers go: results to standard output, everything else to standard error.
//
// The one place that knows about terminals. Thread-safe: lines of several threads never mix with
// each other or with the progress bar.
#pragma once

#include <nlohmann/json.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "services/common/base/mutex.h"

namespace stockroom::cli {

enum class Style { kPlain, kBold, kDim, kGood, kWarning, kBad };

struct OutputOptions {
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  bool colour = false;
  bool utf8 = true;
  // Columns of the terminal.
  int width = 80;
};

// What the two file descriptors and the environment (NO_COLOR, TERM, COLUMNS, LANG) allow.
OutputOptions DetectOutput();

// Writes everything or says why not. Replaced in tests.
using Sink = std::function<absl::Status(std::string_view)>;
Sink FdSink(int fd);

// One line of JSON. Characters that a terminal could obey are escaped, bytes that are not UTF-8
// replaced.
std::string JsonText(const nlohmann::ordered_json& value);

class Output {
 public:
  Output(OutputOptions options, Sink out, Sink err);

  const OutputOptions& options() const { return options_; }
  bool json() const { return options_.json; }

  // A result. `text` is clean (OneLine) but for our own colours.
  void Line(std::string_view text);
  void Json(const nlohmann::ordered_json& object);
  // Bytes as they are.
  void Raw(std::string_view bytes);
  // For people beside the results; not with --quiet.
  void Note(std::string_view text);
  // What went wrong: one sentence, sanitised here.
  void Error(std::string_view text);

  // The line below everything, redrawn after other lines; "" removes it. Only on a terminal.
  void SetBar(std::string bar);

  // `text` in colours if they are allowed on standard output.
  std::string Paint(Style style, std::string_view text) const;

  // The reader of standard output is gone (`| head`): whoever only prints may stop.
  bool closed() const;
  // OK, or why standard output could not be written (a full disk).
  absl::Status error() const;

 private:
  void WriteOut(std::string_view bytes);
  void WriteErr(std::string_view bytes) SR_REQUIRES(mu_);
  void EraseBar() SR_REQUIRES(mu_);
  void DrawBar() SR_REQUIRES(mu_);

  const OutputOptions options_;
  const Sink out_;
  const Sink err_;
  mutable Mutex mu_;
  std::string bar_ SR_GUARDED_BY(mu_);
  bool closed_ SR_GUARDED_BY(mu_) = false;
  absl::Status error_ SR_GUARDED_BY(mu_);
};

// Rows under headings. On a terminal columns are padded, and those marked flexible are cut so that
// the table fits; elsewhere values are separated by tabs, uncut and without headings, for cut(1)
// and awk(1). Rows may come in batches: widths are those of the first batch or wider.
struct Column {
  std::string title;
  int min_width = 0;
  bool right = false;
  bool flexible = false;
};
class Table {
 public:
  Table(Output& out, std::vector<Column> columns);
  // Cells are sanitised here.
  void Add(std::vector<std::string> cells, Style style = Style::kPlain);
  void Flush();

 private:
  void Fitting();
  std::string Row(const std::vector<std::string>& cells, Style style) const;

  Output& out_;
  std::vector<Column> columns_;
  std::vector<int> widths_;
  std::vector<std::pair<std::vector<std::string>, Style>> rows_;
  bool headed_ = false;
};

}  // namespace stockroom::cli
