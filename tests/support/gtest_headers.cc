// sr_gtest, which is there for its precompiled headers only.
int main() { return 0; }
