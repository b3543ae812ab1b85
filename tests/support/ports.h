#pragma once

namespace stockroom::testing {

// A loopback port that nobody listens on, below those that the kernel gives to outgoing
// connections, so that a server can be started on it again and again. It is this process's until it
// ends or gives it back: no other test gets it meanwhile. Thread-safe.
int FreePort();
void GiveBackPort(int port);

}  // namespace stockroom::testing
