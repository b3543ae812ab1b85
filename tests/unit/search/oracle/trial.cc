#include "tests/unit/search/oracle/trial.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "services/api/search/query/check.h"
#include "services/api/search/query/query_parser.h"
#include "tests/unit/search/oracle/difference.h"
#include "tests/unit/search/oracle/random_request.h"

namespace stockroom::api {
namespace {

// One thing that happens to the index; edits of one `batch` happen together.
struct Step {
  enum class Kind { kEdit, kSettle, kRestart };
  Kind kind = Kind::kEdit;
  Edit edit;
};

// Asks both the same, and says what differs.
struct Check {
  std::string title;
  std::function<std::string(Subject&, NaiveIndex&)> run;
};

std::string Take(const Step& step, Subject& subject, NaiveIndex& truth) {
  switch (step.kind) {
    case Step::Kind::kEdit:
      return ApplyToBoth(subject.index(), truth, step.edit);
    case Step::Kind::kSettle:
      subject.Settle();
      return "";
    case Step::Kind::kRestart:
      truth.Restart();
      return subject.Restart();
  }
  return "";
}

// The same steps and the same question once more; "" if it does not differ this time.
std::string Replay(const std::vector<Step>& steps, const Check& check, const MakeSubject& make) {
  const std::unique_ptr<Subject> subject = make();
  NaiveIndex truth;
  for (const Step& step : steps) {
    if (std::string problem = Take(step, *subject, truth); !problem.empty()) return problem;
  }
  return check.run(*subject, truth);
}

// Leaves out pieces of `all`, half of it first, as long as `fails` does.
template <typename T, typename Fails>
void Halve(std::vector<T>& all, const Fails& fails) {
  for (size_t piece = std::max<size_t>(all.size() / 2, 1); !all.empty(); piece /= 2) {
    for (size_t begin = 0; begin < all.size();) {
      std::vector<T> fewer = all;
      fewer.erase(fewer.begin() + static_cast<ptrdiff_t>(begin),
                  fewer.begin() + static_cast<ptrdiff_t>(std::min(begin + piece, all.size())));
      if (fails(fewer)) {
        all = std::move(fewer);
      } else {
        begin += piece;
      }
    }
    if (piece == 1) return;
  }
}

std::string Reduced(std::vector<Step> steps, const Check& check, const MakeSubject& make,
                    std::string problem) {
  const auto fails = [&](const std::vector<Step>& fewer) {
    std::string again = Replay(fewer, check, make);
    if (again.empty()) return false;
    problem = std::move(again);
    return true;
  };
  if (!fails(steps)) {
    return problem + "\n(and not when it was tried again: it depends on the background)\n";
  }
  Halve(steps, fails);
  for (size_t i = 0; i < steps.size(); ++i) {
    std::vector<Image> images = steps[i].edit.changed;
    Halve(images, [&](const std::vector<Image>& fewer) {
      std::vector<Step> tried = steps;
      tried[i].edit.changed = fewer;
      return fails(tried);
    });
    steps[i].edit.changed = std::move(images);
  }
  std::string text = problem + "\nafter " + std::to_string(steps.size()) + " steps:\n";
  for (const Step& step : steps) {
    text += step.kind == Step::Kind::kSettle    ? "settle\n"
            : step.kind == Step::Kind::kRestart ? "restart\n"
                                                : "edit\n" + Describe(step.edit);
  }
  return text;
}

class Trial {
 public:
  Trial(uint64_t seed, const TrialOptions& options)
      : options_(options), catalogue_(seed, options.images), draws_(seed ^ 0x5eed) {}

  std::string Run(const MakeSubject& make) {
    const std::unique_ptr<Subject> subject = make();
    NaiveIndex truth;
    if (options_.filled > 0) {
      // In several segments.
      for (int part = 0; part < 4; ++part) {
        steps_.push_back({.edit = catalogue_.Fill(options_.filled / 4)});
        Take(steps_.back(), *subject, truth);
      }
    }
    for (int i = 0; i < options_.steps; ++i) {
      steps_.push_back({.edit = catalogue_.Next()});
      std::string problem = Take(steps_.back(), *subject, truth);
      for (const auto& [kind, chance] : {std::pair(Step::Kind::kSettle, options_.settle),
                                         std::pair(Step::Kind::kRestart, options_.restart)}) {
        if (!problem.empty() || !draws_.Chance(chance)) continue;
        steps_.push_back({.kind = kind});
        problem = Take(steps_.back(), *subject, truth);
      }
      if (!problem.empty()) return Tell({"the step itself", Nothing}, make, problem);
      for (int n = 0; n < options_.comparisons; ++n) {
        const Check check = RandomCheck();
        const std::string difference = check.run(*subject, truth);
        if (!difference.empty()) return Tell(check, make, difference);
      }
    }
    return "";
  }

 private:
  static std::string Nothing(Subject&, NaiveIndex&) { return ""; }

  std::string Tell(const Check& check, const MakeSubject& make, const std::string& problem) const {
    // A large catalogue is not copied hundreds of times.
    if (options_.filled > 0) return check.title + "\n" + problem;
    return check.title + "\n" + Reduced(steps_, check, make, problem);
  }

  Check RandomCheck() {
    switch (draws_.Below(16)) {
      case 0:
        return SuggestCheck();
      case 1: {
        const Principal who = RandomPrincipal(draws_);
        const std::string id = catalogue_.SomeId(draws_);
        const int limit = static_cast<int>(1 + draws_.Below(8));
        return {"similar to " + id + " for " + who.subject, [=](Subject& s, NaiveIndex& truth) {
                  return SimilarDifference(s.index(), truth, who, id, limit);
                }};
      }
      case 2:
        if (options_.filled == 0 || draws_.Chance(0.05)) {
          return {"content", [](Subject& s, NaiveIndex& truth) {
                    return ContentDifference(s.index(), truth);
                  }};
        }
        [[fallthrough]];
      case 3:
        if (options_.filled == 0) return PagingCheck();
        [[fallthrough]];
      default:
        return SearchCheck();
    }
  }

  Check SuggestCheck() {
    static const std::vector<std::string> prefixes = {
        "",  "f",     "Fó",  "re", "red f", "s",  "富", "日", "1",   "n", "x", "new",
        "c", "canon", "EOS", "ip", "🦊",  "\"", "-",  " ",  "mou", "т", "м", "strass"};
    const Principal who = RandomPrincipal(draws_);
    const std::string prefix = PickOf(draws_, prefixes);
    const int limit = static_cast<int>(1 + draws_.Below(12));
    return {"suggestions for " + who.subject, [=](Subject& s, NaiveIndex& truth) {
              return SuggestDifference(s.index(), truth, who, prefix, limit);
            }};
  }

  // The tree and its canonical text are the same query.
  Question RandomQuestion(std::string& problem) {
    while (true) {
      const Query raw = RandomQuery(draws_, catalogue_);
      const auto checked = CheckQuery(raw);
      // Too many parts.
      if (!checked.ok()) continue;
      Question q{.who = RandomPrincipal(draws_),
                 .query = *checked,
                 .request = RandomRequest(draws_, catalogue_)};
      const std::string text = CanonicalText(q.query);
      const auto parsed = ParseSearchQuery(text, kMaxCanonicalBytes);
      if (!parsed.ok()) {
        problem = "the canonical text is refused: " + text + ": " + parsed.status().ToString();
      } else if (*parsed != q.query) {
        problem =
            "the canonical text is another query: " + text + ", read as " + CanonicalText(*parsed);
      }
      if (options_.filled > 0) {
        // A page of many, and no more than some pages.
        q.request.page_size = 500;
      }
      if (text.size() <= kMaxQueryBytes && draws_.Chance(0.5)) {
        q.request.query = text;
      } else {
        q.request.parsed = std::make_shared<const Query>(q.query);
      }
      return q;
    }
  }

  Check SearchCheck() {
    std::string problem;
    const Question q = RandomQuestion(problem);
    return {Describe(q.who, q.request), [q, problem](Subject& s, NaiveIndex& truth) {
              // Near duplicates are grouped in the background.
              if (q.request.collapse) s.Settle();
              return problem.empty() ? SearchDifference(s.index(), truth, q) : problem;
            }};
  }

  Check PagingCheck() {
    std::string problem;
    Question q = RandomQuestion(problem);
    q.request.page_size = static_cast<int>(1 + draws_.Below(3));
    q.request.collapse = false;
    std::vector<Edit> edits;
    for (int n = 0; n < 6; ++n) edits.push_back(catalogue_.Next());
    // The catalogue believes that they happened, so they do.
    return {"pages while edits come, " + Describe(q.who, q.request),
            [this, q, edits](Subject& s, NaiveIndex& truth) {
              std::string difference = PagingDifference(s.index(), truth, q, edits);
              for (const Edit& edit : edits) {
                if (difference.empty()) difference = ApplyToBoth(s.index(), truth, edit);
              }
              is_told_ |= !difference.empty();
              for (const Edit& edit : edits) {
                if (!is_told_) steps_.push_back({.edit = edit});
              }
              return difference;
            }};
  }

  const TrialOptions options_;
  RandomCatalogue catalogue_;
  Draws draws_;
  std::vector<Step> steps_;
  bool is_told_ = false;
};

}  // namespace

std::string RunTrial(uint64_t seed, const TrialOptions& options, const MakeSubject& make) {
  std::string problem = Trial(seed, options).Run(make);
  return problem.empty() ? "" : "seed " + std::to_string(seed) + ": " + problem;
}

}  // namespace stockroom::api
