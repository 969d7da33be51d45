// SPDX-License-Identifier: Apache-2.0

// Added to etcd's own package main: each allocation is in its profile, not one of so many.
package main

import "runtime"

func init() { runtime.MemProfileRate = 1 }
