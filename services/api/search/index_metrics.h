// What the search index counts.
#pragma once

#include "services/common/base/metrics.h"

namespace stockroom::api {

struct IndexMetrics {
  explicit IndexMetrics(Metrics& metrics)
      : images(metrics.GetGauge("stockroom_search_images", "Images that can be found.")),
        indexed(metrics.GetGauge("stockroom_search_indexed_images",
                                 "Images in the index, whatever their state.")),
        terms(metrics.GetGauge("stockroom_search_terms",
                               "Different words, tags and spellings that are suggested.")),
        segments(metrics.GetGauge("stockroom_search_segments", "Segments of the index.")),
        memory(metrics.GetGauge("stockroom_search_memory_bytes",
                                "Memory of the index, without the files of the documents.")),
        over_budget(metrics.GetGauge("stockroom_search_over_budget",
                                     "1 while the index needs more memory than it may.")),
        without_looks(metrics.GetCounter("stockroom_search_without_looks_total",
                                         "Images indexed without looks and hash to save memory.")),
        lost(metrics.GetCounter("stockroom_search_lost_images_total",
                                "Images not indexed as their document could not be stored.")),
        searches(metrics.GetCounter("stockroom_search_searches_total", "Searches answered.")),
        suggestions(
            metrics.GetCounter("stockroom_search_suggestions_total", "Suggestions answered.")),
        similar(metrics.GetCounter("stockroom_search_similar_total",
                                   "Searches for similar images answered.")),
        rebuilds(metrics.GetCounter("stockroom_search_rebuilds_total",
                                    "Segments that were rewritten or dropped for their holes.")),
        merges(metrics.GetCounter("stockroom_search_merges_total", "Merges of segments.")),
        merged(metrics.GetCounter("stockroom_search_merged_documents_total",
                                  "Documents that merges have written.")),
        held_up(metrics.GetCounter("stockroom_search_held_up_total",
                                   "Times a writer had to merge as there were too many segments.")),
        unclustered(metrics.GetGauge("stockroom_search_unclustered_images",
                                     "Images that wait to be compared for near duplicates.")),
        clusters(metrics.GetGauge("stockroom_search_clusters", "Groups of near duplicates.")) {}

  Gauge& images;
  Gauge& indexed;
  Gauge& terms;
  Gauge& segments;
  Gauge& memory;
  Gauge& over_budget;
  Counter& without_looks;
  Counter& lost;
  Counter& searches;
  Counter& suggestions;
  Counter& similar;
  Counter& rebuilds;
  Counter& merges;
  Counter& merged;
  Counter& held_up;
  Gauge& unclustered;
  Gauge& clusters;
};

}  // namespace stockroom::api
