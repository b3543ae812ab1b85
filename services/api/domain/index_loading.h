// Filling a search index with all of a catalogue.
#pragma once

namespace stockroom::api {

// Around the SearchIndex::Applys that bring a whole catalogue, which take about half the time then:
// until the end images may not be seen yet, and what is suggested may be as it was before. The end
// takes about a second per million images; without a beginning it does nothing. Not at the same
// time as another call of the two.
class IndexLoading {
 public:
  virtual ~IndexLoading() = default;
  virtual void BeginLoading() = 0;
  virtual void EndLoading() = 0;
};

}  // namespace stockroom::api
