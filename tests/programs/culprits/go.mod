module example.com/culprits

go 1.18

require example.com/logger v0.0.0

replace example.com/logger => ./logger
