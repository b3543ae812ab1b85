// Reads the few values that the index needs out of a processor's JSON, without building a tree.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace stockroom::api {

// Walks over one JSON text. Whatever is in it, no call leaves it, throws or allocates; after
// anything that is not JSON, ok() is false and every call does nothing. More lenient than a parser
// in what it skips (numbers, escapes), never in the structure.
//
//   ResultReader reader(text);
//   for (reader.Enter('{'); reader.NextMember(key);) {
//     if (key == "base64") hash = reader.String(); else reader.Skip();
//   }
class ResultReader {
 public:
  explicit ResultReader(std::string_view text) : text_(text) {}

  bool ok() const { return ok_; }
  // Nothing but white space follows.
  bool AtEnd();

  // The kind of the value that follows: '{', '[', '"', 't' (true), 'f', 'n', or '0' for a number.
  char Peek();
  // Begins the object or array that follows. Not ok if that is something else.
  void Enter(char bracket);
  // Goes on to the next member's value; false at the end of the object, which is then behind us.
  bool NextMember(std::string_view& key);
  // Likewise in an array.
  bool NextElement();

  // The string that follows, as it stands there: escapes are not resolved (what the processors
  // write has none).
  std::string_view String();
  // Not ok, and 0, if that is no number or too large.
  double Number();
  // One value of any kind, at most 32 deep.
  void Skip();

 private:
  void SkipSpace() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) {
      ++at_;
    }
  }
  bool Take(char c) {
    SkipSpace();
    if (!ok_ || at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void SkipNumber();
  // Of a string, to the next quote or escape, or near the end.
  void SkipPlain();
  bool Next(char closing);

  std::string_view text_;
  size_t at_ = 0;
  bool ok_ = true;
  bool first_ = false;  // in what was entered last, nothing was read yet
};

}  // namespace stockroom::api
