// What a power cut would leave of a folder: kept beside it by a library that is loaded into the
// process that works there (shim.cc), and put together again after that process was killed
// (rebuild.h).
//
// A shadow folder holds
//   inode-<number>      the bytes that file had when it was last synced
//   directory-<number>  the names that folder had then: a line "<number> <f|d> <name>" each
// Both are published by rename after the real sync has succeeded, from what was read before it
// began. So they never say more than the disk promised: what was not synced is not there.
#pragma once

#include <string>

namespace stockroom::power {

// Environment of the shim.
inline constexpr char kRootVariable[] = "STOCKROOM_POWER_ROOT";      // the folder, absolute
inline constexpr char kShadowVariable[] = "STOCKROOM_POWER_SHADOW";  // where the shadow is kept
// The process kills itself at this write, sync, link, rename, unlink or cut inside of the folder,
// counted from 1; an even number's half before the operation, an odd one's after it.
inline constexpr char kDieAtVariable[] = "STOCKROOM_POWER_DIE_AT";

}  // namespace stockroom::power
