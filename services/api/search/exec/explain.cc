// What a search did, for people.
#include <string>

#include "services/api/search/exec/execution.h"

namespace stockroom::api {
namespace {

std::string_view SortName(SortOrder sort) {
  switch (sort) {
    case SortOrder::kDefault:
    case SortOrder::kNewest:
      return "newest";
    case SortOrder::kRelevance:
      return "relevance";
    case SortOrder::kPopular:
      return "popular";
    case SortOrder::kLargest:
      return "largest";
    case SortOrder::kSimilar:
      return "most similar";
    case SortOrder::kRandom:
      return "random";
  }
  return "";
}

class Lines {
 public:
  // What a part was asked about depends on the order of the parts, and that on estimates, which
  // count what the viewer may not find, too: only who may find all is told more than the tree.
  Lines(PlanContext& context, bool with_figures) : context_(context), with_figures_(with_figures) {}

  void Add(const QueryNode& node, int depth) {
    text_.append(2 * static_cast<size_t>(depth), ' ');
    text_ += std::holds_alternative<AndNode>(node.is)   ? "AND"
             : std::holds_alternative<OrNode>(node.is)  ? "OR"
             : std::holds_alternative<NotNode>(node.is) ? "NOT"
                                                        : CanonicalText(node);
    if (with_figures_) AddFigures(*context_.TraceOf(node));
    text_ += '\n';
    const auto add_all = [&](const std::vector<QueryNode>& parts) {
      for (const QueryNode& part : parts) Add(part, depth + 1);
    };
    if (const auto* all = std::get_if<AndNode>(&node.is)) add_all(all->parts);
    if (const auto* any = std::get_if<OrNode>(&node.is)) add_all(any->parts);
    if (const auto* no = std::get_if<NotNode>(&node.is)) add_all(no->part);
  }
  std::string Take() { return std::move(text_); }

 private:
  void AddFigures(const NodeTrace& trace) {
    text_ += ": estimated " + std::to_string(static_cast<int64_t>(trace.estimate)) + ", kept " +
             std::to_string(trace.kept) + " of " + std::to_string(trace.asked) + " in " +
             std::to_string(trace.nanos / 1000) + " us";
  }

  PlanContext& context_;
  const bool with_figures_;
  std::string text_;
};

}  // namespace

std::string Execution::Explain(const ExecuteResult& result) {
  std::string text = "order: ";
  text.append(SortName(request_.sort));
  for (size_t i = 0; i < words_.size(); ++i) {
    text += (i == 0 ? "; weights: " : ", ") + words_[i].text + " " + std::to_string(weights_[i]);
  }
  text += "\n" + std::to_string(result.total) + " match\n";
  Lines lines(context_, request_.viewer.sees_all);
  lines.Add(request_.query.root, 0);
  return text + lines.Take();
}

}  // namespace stockroom::api
