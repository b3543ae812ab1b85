// The part of the options that is about delivery.
#include "services/api/options.h"
#include "services/common/base/status.h"
#include "services/common/recipe/recipe.h"

namespace stockroom::api {

void DeclareDelivery(ConfigSchema& schema, Options& o) {
  schema.Integer("delivery.cache_bytes", &o.delivery_cache_bytes, 0, int64_t{1} << 44,
                 "Memory for renditions that are asked for often; 256 MiB are some thousand "
                 "thumbnails and previews. The largest one kept is a 32nd of it. 0: none.");
  schema.TextMap("delivery.presets", &o.delivery_presets,
                 "Named recipes that are made when they are first asked for.");
  schema.Choice("delivery.unsigned", &o.delivery_unsigned, {"local", "any", "presets"},
                "What may be asked for without a signature: any recipe, or only presets; local: "
                "any while the gateway listens on loopback. Who may ask for any recipe can keep "
                "the workers busy.");
  schema.Text("delivery.signing_key_file", &o.delivery_signing_key_file,
              "File of keys for signed picture URLs, one a line, at least 16 characters each. All "
              "of them are good; the first is the newest. Read at start. Empty: no signatures.");
  schema.TextMap("delivery.watermarks", &o.delivery_watermarks,
                 "Pictures that recipes may lay over others (mark=NAME): name and file, at most 1 "
                 "MiB each. Read at start.");
  schema.Integer("delivery.max_result_pixels", &o.delivery_max_result_pixels, 1, int64_t{1} << 32,
                 "Pixels, all frames together, that a recipe in a URL may give.");
  schema.Integer("delivery.max_quality", &o.delivery_max_quality, 1, 100,
                 "Highest q= of recipes in URLs. Above 95 files double and nobody sees why.");
  schema.Boolean("delivery.avif", &o.delivery_avif,
                 "Negotiation may choose AVIF: fewer bytes, several times the work of JPEG.");
  schema.Boolean("delivery.client_hints", &o.delivery_client_hints,
                 "Ask browsers for the size of screen and page (Accept-CH), and heed it in "
                 "negotiated pictures. Caches on the way then keep each picture several times.");
  schema.Duration("delivery.max_age", &o.delivery_max_age, absl::ZeroDuration(), absl::Hours(24),
                  "How long browsers and CDNs may show a public picture without asking again, "
                  "unless its URL names the revision: deletions reach them after that.");
  schema.Integer("delivery.max_renders", &o.delivery_max_renders, 1, 100'000,
                 "Different renditions being fetched or made at once. Past it: 429.");
  schema.Integer("delivery.max_waiting", &o.delivery_max_waiting, 1, 100'000,
                 "Requests that wait for any of them; fewer than the 512 that the gateway runs at "
                 "once, so that others still get in. Past it: 429.");
  schema.Duration("delivery.render_timeout", &o.delivery_render_timeout, absl::Seconds(1),
                  absl::Minutes(5), "Longest that one rendition may take; then the work ends.");
}

absl::StatusOr<std::vector<NamedRecipe>> LaterPresetsOf(const Options& options) {
  SR_ASSIGN_OR_RETURN(const std::vector<NamedRecipe> eager, PresetsOf(options));
  SR_ASSIGN_OR_RETURN(std::vector<NamedRecipe> later,
                      ParsePresets("delivery.presets", options.delivery_presets));
  for (const NamedRecipe& preset : later) {
    for (const NamedRecipe& other : eager) {
      if (preset.preset != other.preset) continue;
      return InvalidField("delivery.presets", "'" + preset.preset + "' is one of presets, too");
    }
  }
  return later;
}

}  // namespace stockroom::api
