// update, delete, reprocess: changing the catalogue.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tools/stockroom/exit_codes.h"
#include "tools/stockroom/program.h"
#include "tools/stockroom/records.h"
#include "tools/stockroom/text.h"

namespace stockroom::cli {
namespace {

bool NeedsCurrent(const UpdateArgs& args) {
  return !args.add_tags.empty() || !args.remove_tags.empty() || !args.set_attributes.empty() ||
         !args.remove_attributes.empty();
}

void ChangeTags(const UpdateArgs& args, v1::Image& image) {
  std::vector<std::string> tags(image.tags().begin(), image.tags().end());
  std::erase_if(tags, [&](const std::string& tag) {
    return std::find(args.remove_tags.begin(), args.remove_tags.end(), tag) !=
           args.remove_tags.end();
  });
  for (const std::string& tag : args.add_tags) {
    if (std::find(tags.begin(), tags.end(), tag) == tags.end()) tags.push_back(tag);
  }
  image.mutable_tags()->Assign(tags.begin(), tags.end());
}

// The fields that are asked for, made from what is there now.
v1::UpdateImageRequest MakeRequest(const UpdateArgs& args, const v1::Image& current) {
  v1::UpdateImageRequest request;
  v1::Image& image = *request.mutable_image();
  auto& mask = *request.mutable_update_mask();
  image.set_id(args.id);
  const auto text = [&](const std::optional<std::string>& value, const char* field, auto set) {
    if (!value) return;
    (image.*set)(std::string(*value));
    mask.add_paths(field);
  };
  using SetText = void (v1::Image::*)(std::string &&);
  text(args.title, "title", static_cast<SetText>(&v1::Image::set_title));
  text(args.description, "description", static_cast<SetText>(&v1::Image::set_description));
  text(args.license, "license", static_cast<SetText>(&v1::Image::set_license));
  if (args.visibility) {
    image.set_visibility(*args.visibility);
    mask.add_paths("visibility");
  }
  if (!args.add_tags.empty() || !args.remove_tags.empty()) {
    *image.mutable_tags() = current.tags();
    ChangeTags(args, image);
    mask.add_paths("tags");
  }
  if (!args.set_attributes.empty() || !args.remove_attributes.empty()) {
    *image.mutable_attributes() = current.attributes();
    for (const std::string& key : args.remove_attributes) image.mutable_attributes()->erase(key);
    for (const auto& [key, value] : args.set_attributes) (*image.mutable_attributes())[key] = value;
    mask.add_paths("attributes");
  }
  return request;
}

}  // namespace

int RunUpdate(const Program& program, Client& client, const UpdateArgs& args) {
  v1::Image current;
  if (NeedsCurrent(args)) {
    absl::StatusOr<v1::Image> found = client.Get(args.id);
    if (!found.ok()) return program.Fail(found.status());
    current = *std::move(found);
  }
  const v1::UpdateImageRequest request = MakeRequest(args, current);
  if (request.update_mask().paths().empty()) {
    program.out.Error("nothing to change; stockroom update --help lists what can be");
    return kExitUsage;
  }
  const absl::StatusOr<v1::Image> image = client.Update(request);
  if (!image.ok()) return program.Fail(image.status());
  if (program.out.json()) {
    program.out.Json(ToJson(*image));
  } else {
    PrintImage(program.out, *image, program.settings.gateway);
  }
  return kExitOk;
}

int RunDelete(const Program& program, Client& client, const DeleteArgs& args) {
  if (!args.yes) {
    if (!program.confirm) {
      program.out.Error("deleting needs --yes when nobody can be asked");
      return kExitUsage;
    }
    if (!program.confirm(absl::StrCat("Delete ",
                                      args.ids.size() == 1
                                          ? args.ids[0]
                                          : Plural(static_cast<int64_t>(args.ids.size()), "image"),
                                      "? [y/N] "))) {
      program.out.Note("nothing was deleted");
      return program.stop->cancelled() ? kExitInterrupted : kExitFailed;
    }
  }
  std::vector<ExitCode> codes;
  for (const std::string& id : args.ids) {
    if (program.stop->cancelled()) break;
    v1::DeleteImageRequest request;
    request.set_id(id);
    const absl::Status status = client.Delete(request);
    codes.push_back(ExitCodeOf(status));
    if (!status.ok()) {
      program.Fail(absl::Status(status));
    } else if (program.out.json()) {
      program.out.Json({{"type", "deleted"}, {"id", id}});
    } else if (!program.out.options().quiet) {
      program.out.Line("deleted  " + OneLine(id));
    }
    if (codes.back() == kExitAway) break;  // the rest would fare no better
  }
  return CombinedExitCode(codes);
}

namespace {

// Call after call until nothing is left; what they queued, or the first error.
absl::StatusOr<int64_t> QueueAll(const Program& program, Client& client,
                                 v1::ReprocessImagesRequest request) {
  int64_t queued = 0;
  do {
    if (program.stop->cancelled()) return absl::CancelledError("interrupted");
    absl::StatusOr<v1::ReprocessImagesResponse> response = client.Reprocess(request);
    if (!response.ok()) return response.status();
    queued += response->queued();
    request.set_page_token(response->next_page_token());
  } while (!request.page_token().empty());
  return queued;
}

}  // namespace

int RunReprocess(const Program& program, Client& client, const ReprocessArgs& args) {
  std::vector<v1::ReprocessImagesRequest> requests(args.ids.size());
  for (size_t i = 0; i < args.ids.size(); ++i) requests[i].set_id(args.ids[i]);
  if (!args.query.empty()) requests.emplace_back().set_query(args.query);
  if (args.outdated) requests.emplace_back().set_outdated(true);
  if (args.all) requests.emplace_back().set_all(true);
  if (requests.empty()) {
    program.out.Error("say which images: IDs, --query, --outdated or --all");
    return kExitUsage;
  }
  std::vector<ExitCode> codes;
  int64_t queued = 0;
  for (const v1::ReprocessImagesRequest& request : requests) {
    const absl::StatusOr<int64_t> result = QueueAll(program, client, request);
    codes.push_back(ExitCodeOf(result.status()));
    if (!result.ok()) program.Fail(result.status());
    queued += result.value_or(0);
    if (codes.back() == kExitAway || program.stop->cancelled()) break;
  }
  if (program.out.json()) {
    program.out.Json({{"type", "queued"}, {"images", queued}});
  } else if (!program.out.options().quiet) {
    program.out.Line(Plural(queued, "image") + " queued");
  }
  return CombinedExitCode(codes);
}

}  // namespace stockroom::cli
