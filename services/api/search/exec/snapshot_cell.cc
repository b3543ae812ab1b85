#include "services/api/search/exec/snapshot.h"
#include "services/common/base/shared_cell.h"

namespace stockroom::api {

struct SnapshotCell::State {
  SharedCell<const Snapshot> cell{std::make_shared<const Snapshot>()};
};

SnapshotCell::SnapshotCell() : state_(std::make_unique<State>()) {}
SnapshotCell::~SnapshotCell() = default;

std::shared_ptr<const Snapshot> SnapshotCell::Load() const { return state_->cell.Load(); }

void SnapshotCell::Store(std::shared_ptr<const Snapshot> next) {
  state_->cell.Store(std::move(next));
}

}  // namespace stockroom::api
