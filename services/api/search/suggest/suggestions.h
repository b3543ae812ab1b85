// Completion and correction of what somebody types: the dictionary of what may be found, with exact
// counts. One public dictionary and an overlay for each owner of images that others do not find.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "services/api/domain/image.h"
#include "services/api/domain/search_index.h"
#include "services/api/search/exec/snapshot.h"

namespace stockroom::api {

// Thread-safe: readers never wait for longer than one batch of changes takes to be put in (which
// was looked up and sorted before). Exact counts of READY images that the viewer may find.
class Suggestions {
 public:
  virtual ~Suggestions() = default;
  static std::unique_ptr<Suggestions> Create();

  // What an image contributes.
  struct Entry {
    std::string owner;
    bool seen_by_all = false;
    std::vector<std::string> keys;  // words, tags, camera and how they are spelled; no key twice
  };
  // `words` as IndexedDocument::words: equal arguments give equal entries, so that what was put in
  // can be taken out.
  static Entry EntryOf(const Image& image, std::string_view words, std::string_view camera);
  // What EntryOf takes.
  struct Shown {
    const Image& image;
    std::string_view words;
    std::string_view camera;
  };
  // Appends what is to be added and removed when `after` takes the place of `before`: as their
  // entries, but without most of what stays.
  static void AppendChange(const Shown& before, const Shown& after, std::vector<Entry>& added,
                           std::vector<Entry>& removed);
  // The same where owner, tags, camera and who sees the image stay as they are in `image`.
  static void AppendChangeOfWords(const Image& image, std::string_view before,
                                  std::string_view after, std::vector<Entry>& added,
                                  std::vector<Entry>& removed);
  // Of what EntryOf gives only what Recount does not find by itself.
  static Entry SpellingsOf(const Image& image);
  // One step. Only READY images belong here. Calls at once may come in any order, a removal even
  // before what it removes: counts add up.
  virtual void Apply(const std::vector<Entry>& added, const std::vector<Entry>& removed) = 0;

  // Counts the READY images of the snapshot instead of what was put in, of which only
  // SpellingsOf is kept: those of all these images must have been put in.
  virtual void Recount(const Snapshot& snapshot) = 0;

  // As SearchIndex::Suggest.
  virtual std::vector<Suggestion> Complete(const Viewer& viewer, std::string_view prefix,
                                           size_t limit) const = 0;
  // The most frequent word that the viewer may find at most `typos` (1 or 2) edits away (insert,
  // delete, replace, swap neighbours) with the same first letter, nearest first; none if the word
  // itself is there (or begins another that is). The work is bounded: among very many terms some
  // are not considered. Of words of more than 32 letters nobody should ask.
  virtual std::optional<std::string> Correct(const Viewer& viewer, std::string_view word,
                                             int typos) const = 0;

  // All of it as bytes, and back (instead of what is there). DATA_LOSS: bytes that Save did not
  // give; nothing has changed.
  virtual std::string Save() const = 0;
  virtual absl::Status Load(std::string_view saved) = 0;

  // Different words, tags and so on, some of which nothing has any more.
  virtual uint64_t terms() const = 0;
  virtual uint64_t bytes() const = 0;
};

}  // namespace stockroom::api
