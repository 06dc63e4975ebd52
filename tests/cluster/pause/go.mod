module rollguard.test/cluster/pause

go 1.25.9
