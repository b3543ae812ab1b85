#include "services/common/base/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stockroom {
namespace {

using ::testing::HasSubstr;

TEST(Metrics, TheSameNameAndLabelsAreTheSameObject) {
  Metrics metrics;
  Counter& a = metrics.GetCounter("stockroom_x_total", "X.", {{"kind", "a"}});
  Counter& again = metrics.GetCounter("stockroom_x_total", "X.", {{"kind", "a"}});
  Counter& b = metrics.GetCounter("stockroom_x_total", "X.", {{"kind", "b"}});
  EXPECT_EQ(&a, &again);
  EXPECT_NE(&a, &b);
}

TEST(Metrics, RendersWhatPrometheusReads) {
  Metrics metrics;
  metrics.GetCounter("stockroom_x_total", "Has \\ and\nline.", {{"name", "a\"b"}}).Add(3);
  metrics.GetGauge("stockroom_y", "Y.").Set(-2);
  Histogram& histogram = metrics.GetHistogram("stockroom_z_seconds", "Z.", {0.1, 1});
  histogram.Observe(0.1);
  histogram.Observe(0.5);
  histogram.Observe(7);
  const std::string text = metrics.Render();
  EXPECT_THAT(text, HasSubstr("# HELP stockroom_x_total Has \\\\ and\\nline.\n"));
  EXPECT_THAT(text, HasSubstr("stockroom_x_total{name=\"a\\\"b\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE stockroom_y gauge\nstockroom_y -2\n"));
  EXPECT_THAT(text, HasSubstr("stockroom_z_seconds_bucket{le=\"0.1\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("stockroom_z_seconds_bucket{le=\"1\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("stockroom_z_seconds_bucket{le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("stockroom_z_seconds_count 3\n"));
}

}  // namespace
}  // namespace stockroom
