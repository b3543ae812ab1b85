#include "services/fileserver/store/memory_env.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_split.h"
#include "services/common/base/status.h"

namespace stockroom::fileserver {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

absl::Status Missing(const std::string& path) {
  return absl::NotFoundError(path + ": no such file or directory");
}

std::vector<std::string> Parts(const std::string& path) {
  return absl::StrSplit(path, '/', absl::SkipEmpty());
}

}  // namespace

class MemoryEnv::MemoryFile final : public File {
 public:
  MemoryFile(MemoryEnv& env, NodePtr node, std::string path)
      : env_(env), node_(std::move(node)), path_(std::move(path)) {}

  absl::StatusOr<size_t> Append(std::string_view bytes) override {
    MutexLock lock(env_.mu_);
    SR_ASSIGN_OR_RETURN(const std::optional<size_t> most, env_.Enter(Op::kAppend, path_));
    const size_t n = std::min(bytes.size(), most.value_or(bytes.size()));
    node_->bytes.append(bytes.substr(0, n));
    return n;
  }
  absl::StatusOr<size_t> ReadAt(int64_t offset, char* to, size_t size) override {
    MutexLock lock(env_.mu_);
    SR_RETURN_IF_ERROR(env_.Enter(Op::kReadAt, path_).status());
    const auto begin = static_cast<size_t>(offset);
    if (begin >= node_->bytes.size()) return size_t{0};
    const size_t n = std::min(size, node_->bytes.size() - begin);
    std::memcpy(to, node_->bytes.data() + begin, n);
    return n;
  }
  absl::StatusOr<int64_t> Size() override {
    MutexLock lock(env_.mu_);
    SR_RETURN_IF_ERROR(env_.Enter(Op::kSize, path_).status());
    return static_cast<int64_t>(node_->bytes.size());
  }
  absl::Status Truncate(int64_t size) override {
    MutexLock lock(env_.mu_);
    SR_RETURN_IF_ERROR(env_.Enter(Op::kTruncate, path_).status());
    node_->bytes.resize(static_cast<size_t>(size));
    // The pages that were lost are gone; those that come are new.
    if (node_->synced.starts_with(node_->bytes)) node_->sync_failed = false;
    return absl::OkStatus();
  }
  absl::Status SyncData() override {
    MutexLock lock(env_.mu_);
    if (absl::Status entered = env_.Enter(Op::kSyncData, path_).status(); !entered.ok()) {
      node_->sync_failed = true;
      return entered;
    }
    if (node_->sync_failed) return absl::OkStatus();
    if (node_->synced != node_->bytes) node_->synced_modified = node_->modified;
    node_->synced = node_->bytes;
    return absl::OkStatus();
  }
  absl::Status SetModified(absl::Time time) override {
    MutexLock lock(env_.mu_);
    SR_RETURN_IF_ERROR(env_.Enter(Op::kSetModified, path_).status());
    node_->modified = time;
    return absl::OkStatus();
  }

  const NodePtr& node() const { return node_; }

 private:
  MemoryEnv& env_;
  const NodePtr node_;
  const std::string path_;
};

class MemoryEnv::MemoryLock final : public FileLock {
 public:
  MemoryLock(MemoryEnv& env, std::string path, int id)
      : env_(env), path_(std::move(path)), id_(id) {}
  ~MemoryLock() override {
    MutexLock lock(env_.mu_);
    const auto it = env_.locks_.find(path_);
    // After a restart the lock may be somebody else's.
    if (it != env_.locks_.end() && it->second == id_) env_.locks_.erase(it);
  }

 private:
  MemoryEnv& env_;
  const std::string path_;
  const int id_;
};

MemoryEnv::MemoryEnv() : root_(std::make_shared<Node>()), power_cut_(kNever) {
  root_->directory = true;
}
MemoryEnv::~MemoryEnv() = default;

void MemoryEnv::SetFaults(FaultPlan plan) {
  MutexLock lock(mu_);
  plan_ = std::move(plan);
}

void MemoryEnv::CutPowerBefore(int64_t index) {
  MutexLock lock(mu_);
  power_cut_ = index;
}

void MemoryEnv::Restart(Survives survives) {
  MutexLock lock(mu_);
  power_cut_ = kNever;
  plan_ = nullptr;
  locks_.clear();
  LoseUnsynced(*root_, survives);
}

void MemoryEnv::LoseUnsynced(Node& node, Survives survives) {
  if (survives == Survives::kOnlySynced) {
    node.entries = node.durable;
    node.bytes = node.synced;
  } else {
    node.durable = node.entries;
    if (node.bytes.size() > node.synced.size()) {
      const size_t lost = node.bytes.size() - node.synced.size();
      const bool torn = survives == Survives::kNamesAndTornBytes;
      node.bytes.resize(node.synced.size() + (torn ? lost / 2 : 0));
      if (!torn) node.bytes.append(lost, '\0');
    }
    node.synced = node.bytes;
  }
  node.sync_failed = false;
  node.modified = node.synced_modified;
  for (auto& [name, child] : node.entries) LoseUnsynced(*child, survives);
}

int64_t MemoryEnv::calls() const {
  MutexLock lock(mu_);
  return static_cast<int64_t>(history_.size());
}

std::vector<MemoryEnv::Call> MemoryEnv::history() const {
  MutexLock lock(mu_);
  return history_;
}

void MemoryEnv::SetFreeBytes(int64_t bytes) {
  MutexLock lock(mu_);
  free_bytes_ = bytes;
}

int MemoryEnv::TouchCount(const std::string& path) const {
  MutexLock lock(mu_);
  const NodePtr node = Find(path);
  return node ? node->touches : -1;
}

absl::StatusOr<std::string> MemoryEnv::Content(const std::string& path) const {
  MutexLock lock(mu_);
  const NodePtr node = Find(path);
  if (!node) return Missing(path);
  return node->bytes;
}

void MemoryEnv::Overwrite(const std::string& path, std::string content) {
  MutexLock lock(mu_);
  const NodePtr node = Find(path);
  if (node) node->bytes = node->synced = std::move(content);
}

absl::StatusOr<std::optional<size_t>> MemoryEnv::Enter(Op op, const std::string& path) {
  const Call call{op, static_cast<int64_t>(history_.size()), path};
  history_.push_back(call);
  if (call.index >= power_cut_) return absl::UnavailableError("the power is off: " + path);
  if (!plan_) return std::optional<size_t>();
  const std::optional<Fault> fault = plan_(call);
  if (!fault) return std::optional<size_t>();
  if (!fault->error.ok()) return fault->error;
  return fault->short_write;
}

MemoryEnv::NodePtr MemoryEnv::Find(const std::string& path) const {
  NodePtr node = root_;
  for (const std::string& part : Parts(path)) {
    const auto it = node->entries.find(part);
    if (it == node->entries.end()) return nullptr;
    node = it->second;
  }
  return node;
}

absl::StatusOr<MemoryEnv::Place> MemoryEnv::FindPlace(const std::string& path) const {
  std::vector<std::string> parts = Parts(path);
  if (parts.empty()) return absl::AlreadyExistsError("/");
  Place place{root_, parts.back()};
  parts.pop_back();
  for (const std::string& part : parts) {
    const auto it = place.parent->entries.find(part);
    if (it == place.parent->entries.end() || !it->second->directory) return Missing(path);
    place.parent = it->second;
  }
  return place;
}

absl::StatusOr<std::unique_ptr<File>> MemoryEnv::OpenUnnamed(const std::string& directory) {
  MutexLock lock(mu_);
  SR_RETURN_IF_ERROR(Enter(Op::kOpenUnnamed, directory).status());
  if (!Find(directory)) return Missing(directory);
  return std::make_unique<MemoryFile>(*this, std::make_shared<Node>(), directory);
}

absl::StatusOr<std::unique_ptr<File>> MemoryEnv::Create(const std::string& path) {
  MutexLock lock(mu_);
  SR_RETURN_IF_ERROR(Enter(Op::kCreate, path).status());
  SR_ASSIGN_OR_RETURN(const Place place, FindPlace(path));
  auto [it, created] = place.parent->entries.try_emplace(place.name, nullptr);
  if (!created) return absl::AlreadyExistsError(path);
  it->second = std::make_shared<Node>();
  return std::make_unique<MemoryFile>(*this, it->second, path);
}

absl::StatusOr<std::unique_ptr<File>> MemoryEnv::OpenToRead(const std::string& path) {
  MutexLock lock(mu_);
  SR_RETURN_IF_ERROR(Enter(Op::kOpenToRead, path).status());
  NodePtr node = Find(path);
  if (!node) return Missing(path);
  return std::make_unique<MemoryFile>(*this, std::move(node), path);
}

absl::StatusOr<std::unique_ptr<File>> MemoryEnv::OpenToAppend(const std::string& path) {
  MutexLock lock(mu_);
  SR_RETURN_IF_ERROR(Enter(Op::kOpenToAppend, path).status());
  NodePtr node = Find(path);
  if (!node) return Missing(path);
  return std::make_unique<MemoryFile>(*this, std::move(node), path);
}

absl::Status MemoryEnv::Link(File& unnamed, const std::string& path) {
  MutexLock lock(mu_);
  SR_RETURN_IF_ERROR(Enter(Op::kLink, path).status());
  SR_ASSIGN_OR_RETURN(const Place place, FindPlace(path));
  const NodePtr& node = static_cast<MemoryFile&>(unnamed).node();
  if (!place.parent->entries.try_emplace(place.name, node).second) {
    return absl::AlreadyExistsError(path);
  }
  return absl::OkStatus();
}

absl::Status MemoryEnv::Rename(const std::string& from, const std::string& to) {
  MutexLock lock(mu_);
  SR_RETURN_IF_ERROR(Enter(Op::kRename, to).status());
  SR_ASSIGN_OR_RETURN(const Place source, FindPlace(from));
  SR_ASSIGN_OR_RETURN(const Place target, FindPlace(to));
  const auto it = source.parent->entries.find(source.name);
  if (it == source.parent->entries.end()) return Missing(from);
  NodePtr node = it->second;
  source.parent->entries.erase(it);
  target.parent->entries[target.name] = std::move(node);
  return absl::OkStatus();
}

absl::Status MemoryEnv::Unlink(const std::string& path) {
  MutexLock lock(mu_);
  SR_RETURN_IF_ERROR(Enter(Op::kUnlink, path).status());
  SR_ASSIGN_OR_RETURN(const Place place, FindPlace(path));
  return place.parent->entries.erase(place.name) > 0 ? absl::OkStatus() : Missing(path);
}

absl::Status MemoryEnv::Touch(const std::string& path, absl::Time time) {
  MutexLock lock(mu_);
  SR_RETURN_IF_ERROR(Enter(Op::kTouch, path).status());
  const NodePtr node = Find(path);
  if (!node) return Missing(path);
  ++node->touches;
  node->modified = time;
  return absl::OkStatus();
}

absl::StatusOr<FileInfo> MemoryEnv::Stat(const std::string& path) {
  MutexLock lock(mu_);
  SR_RETURN_IF_ERROR(Enter(Op::kStat, path).status());
  const NodePtr node = Find(path);
  if (!node) return Missing(path);
  return FileInfo{.regular = !node->directory,
                  .size = static_cast<int64_t>(node->bytes.size()),
                  .modified = node->modified,
                  .inode = reinterpret_cast<uintptr_t>(node.get())};
}

absl::Status MemoryEnv::MakeDirectory(const std::string& path) {
  MutexLock lock(mu_);
  SR_RETURN_IF_ERROR(Enter(Op::kMakeDirectory, path).status());
  SR_ASSIGN_OR_RETURN(const Place place, FindPlace(path));
  auto [it, created] = place.parent->entries.try_emplace(place.name, nullptr);
  if (!created) return absl::AlreadyExistsError(path);
  it->second = std::make_shared<Node>();
  it->second->directory = true;
  return absl::OkStatus();
}

absl::Status MemoryEnv::RemoveDirectory(const std::string& path) {
  MutexLock lock(mu_);
  SR_RETURN_IF_ERROR(Enter(Op::kRemoveDirectory, path).status());
  SR_ASSIGN_OR_RETURN(const Place place, FindPlace(path));
  const auto it = place.parent->entries.find(place.name);
  if (it == place.parent->entries.end()) return Missing(path);
  if (!it->second->entries.empty()) return absl::FailedPreconditionError(path + ": not empty");
  place.parent->entries.erase(it);
  return absl::OkStatus();
}

absl::Status MemoryEnv::SyncDirectory(const std::string& path) {
  MutexLock lock(mu_);
  const absl::Status entered = Enter(Op::kSyncDirectory, path).status();
  const NodePtr node = Find(path);
  if (node && DetailsOf(entered).reason == kSyncFailed) node->sync_failed = true;
  SR_RETURN_IF_ERROR(entered);
  if (!node) return Missing(path);
  if (node->sync_failed) return absl::OkStatus();
  node->durable = node->entries;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> MemoryEnv::List(const std::string& directory) {
  MutexLock lock(mu_);
  SR_RETURN_IF_ERROR(Enter(Op::kList, directory).status());
  const NodePtr node = Find(directory);
  if (!node) return Missing(directory);
  std::vector<std::string> names;
  for (const auto& [name, child] : node->entries) names.push_back(name);
  return names;
}

absl::StatusOr<int64_t> MemoryEnv::FreeBytes(const std::string& directory) {
  MutexLock lock(mu_);
  SR_RETURN_IF_ERROR(Enter(Op::kFreeBytes, directory).status());
  return free_bytes_;
}

absl::StatusOr<std::unique_ptr<FileLock>> MemoryEnv::Lock(const std::string& path) {
  MutexLock lock(mu_);
  SR_RETURN_IF_ERROR(Enter(Op::kLock, path).status());
  const int id = next_lock_++;
  if (!locks_.try_emplace(path, id).second) {
    return absl::FailedPreconditionError(path + " is locked by another process");
  }
  return std::make_unique<MemoryLock>(*this, path, id);
}

}  // namespace stockroom::fileserver
