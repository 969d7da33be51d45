# Words of gomemctl(1). SPDX-License-Identifier: Apache-2.0
