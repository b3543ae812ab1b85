// A cluster in memory, as commands see it.
#pragma once

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/common/base/digest.h"
#include "services/common/base/mutex.h"
#include "services/common/base/status.h"
#include "tests/support/temp_folder.h"
#include "tools/stockroom/program.h"

namespace stockroom::cli {

inline absl::Status Away() { return absl::UnavailableError("connect: Connection refused"); }

// Stores uploads whole, one image for equal bytes. Thread-safe.
class FakeClient final : public Client {
 public:
  absl::StatusOr<v1::UploadImageResponse> Upload(const v1::UploadHeader& header, ChunkSource next,
                                                 absl::Duration) override {
    std::string bytes;
    while (true) {
      SR_ASSIGN_OR_RETURN(std::string chunk, next());
      if (chunk.empty()) break;
      bytes += chunk;
    }
    MutexLock lock(mu);
    ++uploads;
    if (on_upload) SR_RETURN_IF_ERROR(on_upload(header));
    const std::string sha256 = Digest::Of(bytes).hex();
    if (!header.sha256().empty() && header.sha256() != sha256) {
      return absl::DataLossError("the bytes do not match");
    }
    v1::UploadImageResponse response;
    for (const auto& [id, image] : images) {
      if (image.sha256() != sha256) continue;
      *response.mutable_image() = image;
      response.set_deduplicated(true);
      return response;
    }
    v1::Image& image = *response.mutable_image();
    image.set_id(absl::StrCat("image-", ++last_id));
    image.set_title(header.title());
    *image.mutable_tags() = header.tags();
    image.set_filename(header.filename());
    image.set_sha256(sha256);
    image.set_size_bytes(static_cast<int64_t>(bytes.size()));
    image.set_state(v1::PENDING);
    image.set_revision(1);
    images[image.id()] = image;
    return response;
  }
  absl::StatusOr<v1::Image> Get(const std::string& id) override {
    MutexLock lock(mu);
    ++gets;
    if (!get_error.ok()) return get_error;
    const auto found = images.find(id);
    if (found == images.end()) return NotFound("IMAGE_NOT_FOUND", "no image has the id " + id);
    return found->second;
  }
  absl::StatusOr<v1::ListImagesResponse> List(const v1::ListImagesRequest& request) override {
    MutexLock lock(mu);
    v1::ListImagesResponse response;
    int64_t at = 0;
    const int64_t begin = request.page_token().empty() ? 0 : std::stoll(request.page_token());
    for (const auto& [id, image] : images) {
      if (at >= begin && at < begin + request.page_size()) *response.add_images() = image;
      ++at;
    }
    if (begin + request.page_size() < at) {
      response.set_next_page_token(std::to_string(begin + request.page_size()));
    }
    return response;
  }
  absl::StatusOr<v1::SearchImagesResponse> Search(const v1::SearchImagesRequest& request) override {
    MutexLock lock(mu);
    last_query = request.q();
    searched.push_back(request);
    if (!search_error.ok()) return search_error;
    v1::SearchImagesResponse response = answer;
    for (const auto& [id, image] : images) {
      if (response.hits_size() == request.page_size()) break;
      if (!request.ids_only()) *response.add_images() = image;
      v1::SearchHit& hit = *response.add_hits();
      hit.set_id(id);
      const auto known = hits.find(id);
      if (known != hits.end()) hit.MergeFrom(known->second);
    }
    response.set_total(static_cast<int64_t>(images.size()));
    for (const std::string& field : request.facets()) {
      v1::Facet& facet = *response.add_facets();
      facet.set_field(field);
      facet.add_values()->set_value("some");
      facet.mutable_values(0)->set_count(3);
    }
    return response;
  }
  absl::StatusOr<v1::SuggestResponse> Suggest(const v1::SuggestRequest& request) override {
    v1::SuggestResponse response;
    v1::Suggestion& suggestion = *response.add_suggestions();
    suggestion.set_text(request.prefix() + "bour\033[31m");
    suggestion.set_kind(v1::Suggestion::TAG);
    suggestion.set_count(7);
    return response;
  }
  absl::StatusOr<v1::FindSimilarResponse> FindSimilar(
      const v1::FindSimilarRequest& request) override {
    if (!images.contains(request.id())) return NotFound("IMAGE_NOT_FOUND", "no such image");
    v1::FindSimilarResponse response;
    for (const auto& [id, image] : images) {
      if (id == request.id() || response.matches_size() == request.page_size()) continue;
      auto& match = *response.add_matches();
      *match.mutable_image() = image;
      match.set_distance(0.125);
    }
    return response;
  }
  absl::StatusOr<v1::CreateApiKeyResponse> CreateKey(
      const v1::CreateApiKeyRequest& request) override {
    if (!key_error.ok()) return key_error;
    created = request;
    v1::CreateApiKeyResponse response;
    response.set_secret("sr_secret");
    v1::ApiKey& key = *response.mutable_key();
    key.set_id(absl::StrCat("key-", keys.size()));
    key.set_subject(request.subject());
    key.set_role(request.role().empty() ? "uploader" : request.role());
    keys.push_back(key);
    return response;
  }
  absl::StatusOr<v1::ListApiKeysResponse> ListKeys(const v1::ListApiKeysRequest& request) override {
    if (!key_error.ok()) return key_error;
    v1::ListApiKeysResponse response;
    const size_t at = request.page_token().empty() ? 0 : std::stoul(request.page_token());
    if (at < keys.size()) *response.add_keys() = keys[at];
    if (at + 1 < keys.size()) response.set_next_page_token(std::to_string(at + 1));
    return response;
  }
  absl::StatusOr<v1::ApiKey> RevokeKey(const std::string& id) override {
    for (v1::ApiKey& key : keys) {
      if (key.id() != id) continue;
      key.mutable_revoke_time()->set_seconds(1);
      return key;
    }
    return NotFound("KEY_NOT_FOUND", "no key has the id " + id);
  }
  absl::StatusOr<v1::WhoAmIResponse> WhoAmI() override { return who; }
  absl::StatusOr<v1::CreateUploadResponse> CreateUpload(const v1::CreateUploadRequest& request,
                                                        const std::string& key) override {
    announced.emplace_back(key, request);
    if (on_announce) return on_announce(key);
    v1::CreateUploadResponse response;
    response.mutable_upload()->set_id("upload-1");
    response.mutable_upload()->set_state(v1::UPLOAD_OPEN);
    response.mutable_upload()->set_received_bytes(received);
    response.mutable_urls()->set_put_method("PUT");
    response.mutable_urls()->set_put_url("http://files/put?signature=secret");
    (*response.mutable_urls()->mutable_put_headers())["Content-Type"] = "image/png";
    response.mutable_urls()->set_tus_url("http://files/tus?signature=secret");
    return response;
  }
  absl::StatusOr<v1::UploadImageResponse> CompleteUpload(const v1::CompleteUploadRequest& request,
                                                         absl::Duration) override {
    completed.push_back(request.id());
    if (!complete_error.ok()) return std::exchange(complete_error, absl::OkStatus());
    v1::UploadImageResponse response;
    response.mutable_image()->set_id("image-of-" + request.id());
    return response;
  }
  absl::StatusOr<v1::ListUploadsResponse> ListUploads(const v1::ListUploadsRequest&) override {
    return uploads_page;
  }
  absl::StatusOr<v1::AbortUploadResponse> AbortUpload(const std::string& id) override {
    aborted.push_back(id);
    return v1::AbortUploadResponse();
  }
  absl::StatusOr<v1::GetOriginalUrlResponse> GetOriginalUrl(
      const v1::GetOriginalUrlRequest& request) override {
    v1::GetOriginalUrlResponse response;
    response.set_url("http://files/" + request.id() +
                     "?for=" + std::to_string(request.expires_in_seconds()));
    return response;
  }
  absl::StatusOr<v1::Image> Update(const v1::UpdateImageRequest& request) override {
    MutexLock lock(mu);
    last_update = request;
    if (on_update) SR_RETURN_IF_ERROR(on_update(request));
    const auto found = images.find(request.image().id());
    if (found == images.end()) return NotFound("IMAGE_NOT_FOUND", "no such image");
    for (const std::string& path : request.update_mask().paths()) {
      if (path == "title") found->second.set_title(request.image().title());
      if (path == "tags") *found->second.mutable_tags() = request.image().tags();
    }
    found->second.set_revision(found->second.revision() + 1);
    return found->second;
  }
  absl::Status Delete(const v1::DeleteImageRequest& request) override {
    MutexLock lock(mu);
    return images.erase(request.id()) > 0 ? absl::OkStatus()
                                          : NotFound("IMAGE_NOT_FOUND", "no such image");
  }
  absl::StatusOr<v1::ReprocessImagesResponse> Reprocess(
      const v1::ReprocessImagesRequest& request) override {
    reprocessed.push_back(request);
    v1::ReprocessImagesResponse response;
    response.set_queued(2);
    if (request.all() && request.page_token().empty()) response.set_next_page_token("more");
    return response;
  }
  // Each call takes the next of `watches`: what to send, and how it ends.
  absl::Status Watch(const v1::WatchRequest& request,
                     absl::FunctionRef<bool(const v1::WatchResponse&)> on_batch) override {
    watched.push_back(request);
    if (watches.empty()) return absl::OutOfRangeError("the feed was trimmed");
    const auto [batches, end] = watches.front();
    watches.erase(watches.begin());
    for (const v1::WatchResponse& batch : batches) {
      if (!on_batch(batch)) return absl::CancelledError("by the caller");
    }
    return end;
  }
  absl::StatusOr<v1::ListWebhooksResponse> ListWebhooks() override { return webhooks; }
  absl::StatusOr<v1::CreateWebhookResponse> CreateWebhook(
      const v1::CreateWebhookRequest& request) override {
    last_webhook = request;
    v1::CreateWebhookResponse response;
    response.mutable_webhook()->set_id("w1");
    response.set_secret("whsec_c2VjcmV0");
    return response;
  }
  absl::Status DeleteWebhook(const std::string& id) override {
    return id == "w1" ? absl::OkStatus() : NotFound("WEBHOOK_NOT_FOUND", "no such webhook");
  }
  absl::StatusOr<v1::WebhookDelivery> TestWebhook(const std::string& id) override {
    v1::WebhookDelivery delivery;
    delivery.set_id("d1");
    delivery.set_webhook_id(id);
    delivery.set_state(v1::PENDING_DELIVERY);
    return delivery;
  }
  // The log in pages of two.
  absl::StatusOr<v1::ListWebhookDeliveriesResponse> ListWebhookDeliveries(
      const v1::ListWebhookDeliveriesRequest& request) override {
    v1::ListWebhookDeliveriesResponse response;
    int at = request.page_token().empty() ? 0 : std::stoi(request.page_token());
    for (int i = 0; i < std::min(2, request.page_size()); ++i, ++at) {
      if (at < static_cast<int>(log.size())) *response.add_deliveries() = log[at];
    }
    if (at < static_cast<int>(log.size())) response.set_next_page_token(std::to_string(at));
    return response;
  }
  absl::StatusOr<v1::WebhookDelivery> GetWebhookDelivery(const std::string&,
                                                         const std::string&) override {
    return log.at(0);
  }
  absl::StatusOr<v1::ReplayWebhookDeliveriesResponse> ReplayWebhookDeliveries(
      const v1::ReplayWebhookDeliveriesRequest& request) override {
    replays.push_back(request);
    v1::ReplayWebhookDeliveriesResponse response;
    response.set_replayed(request.id().empty() ? 1000 : 1);
    response.set_more(request.id().empty() && replays.size() == 1);
    return response;
  }
  absl::StatusOr<v1::ListFlaggedResponse> ListFlagged(const v1::ListFlaggedRequest&) override {
    return flagged;
  }
  absl::StatusOr<v1::Image> DecideImage(const v1::DecideImageRequest& request) override {
    decided.push_back(request);
    v1::Image image;
    image.set_id(request.id());
    return image;
  }
  absl::StatusOr<v1::ListDecisionsResponse> ListDecisions(
      const v1::ListDecisionsRequest&) override {
    return v1::ListDecisionsResponse();
  }
  absl::StatusOr<v1::AddBlockedHashesResponse> AddBlockedHashes(
      const v1::AddBlockedHashesRequest& request) override {
    blocked = request;
    return v1::AddBlockedHashesResponse();
  }
  absl::StatusOr<v1::RemoveBlockedHashesResponse> RemoveBlockedHashes(
      const v1::RemoveBlockedHashesRequest& request) override {
    v1::RemoveBlockedHashesResponse response;
    response.set_removed(request.hashes_size());
    return response;
  }
  absl::StatusOr<v1::AddBlockedHashesResponse> ImportBlockedHashes(
      const v1::ImportBlockedHashesRequest& request) override {
    imported.push_back(request);
    return v1::AddBlockedHashesResponse();
  }
  // In two pages.
  absl::StatusOr<v1::ExportBlockedHashesResponse> ExportBlockedHashes(
      const v1::ExportBlockedHashesRequest& request) override {
    v1::ExportBlockedHashesResponse response;
    const bool first = request.page_token().empty();
    response.set_text(first ? "aa,31\n" : "bb,7,note\n");
    if (first) response.set_next_page_token("more");
    return response;
  }
  absl::StatusOr<v1::VerifyIndexResponse> VerifyIndex() override { return verdict; }
  absl::StatusOr<v1::RebuildIndexResponse> RebuildIndex() override { return rebuilt; }
  absl::StatusOr<v1::IndexInfo> IndexInfo() override { return index_info; }
  absl::StatusOr<v1::ServerInfo> ServerInfo() override { return server; }
  absl::Status Ping() override { return absl::OkStatus(); }

  Mutex mu;
  std::map<std::string, v1::Image> images;
  int uploads = 0;
  int gets = 0;
  int last_id = 0;
  std::function<absl::Status(const v1::UploadHeader&)> on_upload;
  std::function<absl::Status(const v1::UpdateImageRequest&)> on_update;
  absl::Status get_error;
  absl::Status search_error;
  std::string last_query;
  std::vector<v1::SearchImagesRequest> searched;
  // What every answer has besides images, and hits by id.
  v1::SearchImagesResponse answer;
  std::map<std::string, v1::SearchHit> hits;
  v1::CreateApiKeyRequest created;
  std::vector<v1::ApiKey> keys;
  absl::Status key_error;
  absl::StatusOr<v1::WhoAmIResponse> who = v1::WhoAmIResponse();
  // Direct uploads: what was announced, with its key; what the file server has of them.
  std::vector<std::pair<std::string, v1::CreateUploadRequest>> announced;
  std::function<absl::StatusOr<v1::CreateUploadResponse>(const std::string& key)> on_announce;
  int64_t received = 0;
  std::vector<std::string> completed;
  absl::Status complete_error;
  std::vector<std::string> aborted;
  v1::ListUploadsResponse uploads_page;
  v1::UpdateImageRequest last_update;
  std::vector<v1::ReprocessImagesRequest> reprocessed;
  std::vector<v1::WatchRequest> watched;
  std::vector<std::pair<std::vector<v1::WatchResponse>, absl::Status>> watches;
  v1::ListFlaggedResponse flagged;
  std::vector<v1::DecideImageRequest> decided;
  v1::AddBlockedHashesRequest blocked;
  std::vector<v1::ImportBlockedHashesRequest> imported;
  v1::ListWebhooksResponse webhooks;
  v1::CreateWebhookRequest last_webhook;
  std::vector<v1::WebhookDelivery> log;
  std::vector<v1::ReplayWebhookDeliveriesRequest> replays;
  absl::StatusOr<v1::VerifyIndexResponse> verdict = v1::VerifyIndexResponse();
  absl::StatusOr<v1::RebuildIndexResponse> rebuilt = v1::RebuildIndexResponse();
  v1::IndexInfo index_info;
  absl::StatusOr<v1::ServerInfo> server = v1::ServerInfo();
};

// Serves one body with ranges.
class FakeHttp final : public HttpClient {
 public:
  absl::Status Get(const HttpRequest& request,
                   absl::FunctionRef<absl::Status(const HttpAnswer&)> begin,
                   absl::FunctionRef<absl::Status(std::string_view)> bytes) override {
    requests.push_back(request);
    if (!error.ok()) return error;
    const bool ranged = request.offset > 0 && request.if_range == etag;
    const std::string_view rest =
        std::string_view(body).substr(ranged ? static_cast<size_t>(request.offset) : 0);
    SR_RETURN_IF_ERROR(
        begin({.status = ranged ? 206 : 200, .length = static_cast<int64_t>(rest.size())}));
    if (break_after > 0 && rest.size() > static_cast<size_t>(break_after)) {
      SR_RETURN_IF_ERROR(bytes(rest.substr(0, static_cast<size_t>(break_after))));
      return broken;
    }
    return bytes(rest);
  }

  absl::Status Send(const HttpSending& request,
                    absl::FunctionRef<absl::StatusOr<std::string>(size_t most)> next) override {
    sendings.push_back(request);
    std::string bytes;
    while (static_cast<int64_t>(bytes.size()) < request.length) {
      SR_ASSIGN_OR_RETURN(const std::string piece, next(7));
      bytes += piece;
      if (send_breaks_after > 0 && static_cast<int64_t>(bytes.size()) >= send_breaks_after) {
        send_breaks_after = 0;
        return Unavailable("TRANSFER_BROKE", "the line is cut");
      }
    }
    sent = bytes;
    return absl::OkStatus();
  }

  std::vector<HttpSending> sendings;
  std::string sent;  // by the last sending that went well
  int64_t send_breaks_after = 0;
  std::string body;
  std::string etag;
  absl::Status error;
  int64_t break_after = 0;
  absl::Status broken = absl::InternalError("the line is cut");
  std::vector<HttpRequest> requests;
};

// A program whose output is kept, in a folder of its own.
struct Bench {
  const testing::TempFolder owned_folder;
  const std::string folder = owned_folder.path();

  explicit Bench(OutputOptions options = {})
      : output(options, Keep(out), Keep(err)),
        program{.settings = settings, .out = output, .http = http, .stop = stop, .confirm = {}} {}
  static Sink Keep(std::string& to) {
    return [&to](std::string_view bytes) {
      to += bytes;
      return absl::OkStatus();
    };
  }
  std::string Write(const std::string& name, const std::string& bytes) const {
    const std::string path = folder + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  static std::string Read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }

  std::string out;
  std::string err;
  Settings settings;
  FakeHttp http;
  std::shared_ptr<Cancellation> stop = std::make_shared<Cancellation>();
  Output output;
  Program program;
};

// Bytes that the local look takes for a PNG.
inline std::string Png(const std::string& content) {
  return std::string("\x89PNG\r\n\x1A\n\0\0\0\rIHDR", 16) + content;
}

}  // namespace stockroom::cli
